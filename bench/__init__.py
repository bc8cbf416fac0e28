"""Benchmarks: one command each, every figure a ratio to something measured in the same run."""
