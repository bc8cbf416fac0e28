"""What is told of queries and processes: metrics, failures, the processing log."""
