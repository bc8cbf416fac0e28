"""Aggregates over groups and sessions, and the state they keep."""
