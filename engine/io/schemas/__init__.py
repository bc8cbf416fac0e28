"""Schemas that are kept in a registry, Confluent's or the engine's own."""
