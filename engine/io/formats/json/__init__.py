"""JSON and JSON_SR: records, the fast path and the exact one, schemas."""
