"""Statements to effects: the session, push and pull queries, HTTP, the Python connection."""
