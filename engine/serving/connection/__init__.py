"""Mergus from Python, in this process or on a server."""
