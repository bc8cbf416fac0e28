"""AVRO: records, schemas, and whether one schema reads what another wrote."""
