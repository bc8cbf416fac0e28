-- Tuesday's readings, as the sensors send them.
CREATE STREAM tuesday (machine STRING KEY, `at` BIGINT, vibration FLOAT[50])
  WITH (PATH = 'queries/machine_health/tuesday.jsonl', PATH_FORMAT = 'json');
INSERT INTO sensors SELECT * FROM tuesday;
