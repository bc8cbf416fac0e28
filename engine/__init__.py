"""The engine: one room a concern, imports go one way (see ARCHITECTURE.md)."""
