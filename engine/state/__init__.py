"""What an operator remembers, in DuckDB: epochs, undo, retention."""
