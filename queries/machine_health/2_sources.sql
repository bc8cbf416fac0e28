-- What the sensors send: 50 values, a millisecond apart, every ten seconds.
CREATE STREAM sensors (machine STRING KEY, `at` BIGINT, vibration FLOAT[50])
  WITH (KAFKA_TOPIC = 'sensors', VALUE_FORMAT = 'JSON', PARTITIONS = 2, TIMESTAMP = '`at`');
