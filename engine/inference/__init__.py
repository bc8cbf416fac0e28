"""Runs models: loaders, batching, cache, monitoring."""
