"""A query as a Bytewax dataflow: its source, steps and delivery, its runs over time."""
