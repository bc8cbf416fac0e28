"""Topics, files, formats."""
