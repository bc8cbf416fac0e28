"""Models beside SQL: calls from outside, what the server does unasked."""
