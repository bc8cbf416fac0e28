-- Lines as they come: which service wrote what, and when.
CREATE STREAM logs (
  service STRING KEY,
  message STRING,
  logged_at BIGINT
) WITH (
  KAFKA_TOPIC = 'logs', PARTITIONS = 2, VALUE_FORMAT = 'JSON', TIMESTAMP = 'logged_at'
);
