-- Failures of one meaning, counted a minute. Both models run inside the query; a line is read by each once.
CREATE TABLE alerts AS
  SELECT cluster_id(message) AS cluster,
         COUNT(*) AS lines,
         COLLECT_SET(service) AS services,
         LATEST_BY_OFFSET(message) AS example
  FROM logs
  WINDOW TUMBLING (SIZE 1 MINUTE)
  WHERE classify(message) = 'failure'
  GROUP BY cluster_id(message)
  EMIT CHANGES;

-- How many lines of each kind a service writes.
CREATE TABLE kinds WITH (KEY_FORMAT = 'JSON') AS
  SELECT service, classify(message) AS kind, COUNT(*) AS lines
  FROM logs
  GROUP BY service, classify(message)
  EMIT CHANGES;
