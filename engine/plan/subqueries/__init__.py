"""SELECTs inside a query that goes on: in its FROM, and in its expressions."""
