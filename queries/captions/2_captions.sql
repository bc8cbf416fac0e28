-- Pictures as they come: the camera's files, untouched.
CREATE STREAM pictures (id INT KEY, taken_at BIGINT, picture BYTES, truth STRING)
  WITH (KAFKA_TOPIC = 'pictures', PARTITIONS = 1, VALUE_FORMAT = 'JSON', TIMESTAMP = 'taken_at');

-- What is seen how often, a minute; sentences that the model itself doubts are left out.
CREATE TABLE seen AS
  SELECT caption(picture)->caption AS caption, COUNT(*) AS pictures, AVG(caption(picture)->probability) AS sure
  FROM pictures
  WINDOW TUMBLING (SIZE 1 MINUTE)
  WHERE caption(picture)->probability > 0.5
  GROUP BY caption(picture)->caption
  EMIT CHANGES;

-- The file's pictures, one every three seconds of event time.
CREATE STREAM files (id INT, taken_at BIGINT, picture STRING, truth STRING)
  WITH (PATH = 'queries/captions/pictures.jsonl', PATH_FORMAT = 'json');

INSERT INTO pictures SELECT id, taken_at, TO_BYTES(picture, 'base64') AS picture, truth FROM files PARTITION BY id;
