"""Flashing: one file a method, each of which only says which commands to run."""
