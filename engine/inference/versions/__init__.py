"""The versions of models: their artefacts, which of them answers a row, and since when."""
