"""What runs on a batch: no Kafka, no Bytewax, no clock."""
