"""Dataflows on Bytewax: hosts, workers, checkpoints, query lifecycle, metrics, processing log."""
