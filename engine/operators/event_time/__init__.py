"""Event time: rowtime, windows, their closing, and what is forgotten by it."""
