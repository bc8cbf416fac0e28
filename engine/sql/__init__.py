"""The language: types, parser, functions, expressions, analyzer, catalog. No I/O."""
