"""Embedded topics: Kafka's topics without Kafka."""
