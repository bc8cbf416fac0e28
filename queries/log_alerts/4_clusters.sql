-- Each meaning once, with the line that was its first: the table behind "what is new?" and "what is rare?".
CREATE TABLE clusters AS
  SELECT cluster_id(message) AS cluster,
         COUNT(*) AS lines,
         MIN(ROWTIME) AS first_seen,
         EARLIEST_BY_OFFSET(message) AS first_line
  FROM logs
  GROUP BY cluster_id(message)
  EMIT CHANGES;
