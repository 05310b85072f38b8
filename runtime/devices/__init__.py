"""Devices: one interface over a serial port, behind which a board or an emulator runs the monitor."""
