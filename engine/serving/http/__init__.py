"""HTTP: ksqlDB's paths, models, the schema registry, the page."""
