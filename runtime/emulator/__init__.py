"""Emulated boards: QEMU on a pseudo-terminal, and the plugin that counts instructions in it."""
