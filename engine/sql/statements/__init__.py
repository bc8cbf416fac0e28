"""Statements as frozen values: what the parser makes."""
