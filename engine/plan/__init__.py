"""Logical nodes, physical steps, stages, EXPLAIN: pure data."""
