"""Ranges of activations, seen on calibration samples."""
