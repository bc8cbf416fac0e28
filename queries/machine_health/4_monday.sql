-- Monday's readings, as the sensors send them.
CREATE STREAM monday (machine STRING KEY, `at` BIGINT, vibration FLOAT[50])
  WITH (PATH = 'queries/machine_health/monday.jsonl', PATH_FORMAT = 'json');
INSERT INTO sensors SELECT * FROM monday;
