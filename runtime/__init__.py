"""Devices at run time: emulated and real ones, flashing, verifying, measuring, reporting."""
