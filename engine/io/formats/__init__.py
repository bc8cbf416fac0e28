"""Formats: bytes to Arrow columns and back, a batch at a time."""
