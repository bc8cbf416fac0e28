-- The captured lines, ten a second of event time, go into the topic in the order in which they lie in the file.
CREATE STREAM lines WITH (PATH = 'queries/log_alerts/lines.tsv', PATH_FORMAT = 'text');

INSERT INTO logs
  SELECT SPLIT(line, CHR(9))[1] AS service,
         SPLIT(line, CHR(9))[2] AS message,
         1767225600000 + 100 * ROWOFFSET AS logged_at
  FROM lines
  PARTITION BY SPLIT(line, CHR(9))[1];
