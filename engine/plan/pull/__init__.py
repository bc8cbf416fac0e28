"""Queries that are answered once."""
