"""SELECT statements: pull and push queries."""
