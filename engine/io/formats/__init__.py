"""Formats: bytes to Arrow columns and back, a batch at a time. A new format is a file here and a line in `registry`."""
