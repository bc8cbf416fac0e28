-- What the photos really show, told later by people, on a topic of its own.
CREATE STREAM told (id STRING KEY, label STRING) WITH (KAFKA_TOPIC = 'told', PARTITIONS = 2, VALUE_FORMAT = 'JSON');

-- The post's photos with their labels, as soon as both are there.
CREATE STREAM checked_by_post AS
  SELECT p.id AS id, p.photo AS photo, t.label AS label
  FROM photos p JOIN told t WITHIN 1 DAY ON p.id = t.id
  WHERE p.route = 'post'
  EMIT CHANGES;

CREATE STREAM labels (id STRING, label STRING) WITH (PATH = 'queries/photos/labels.jsonl', PATH_FORMAT = 'json');

INSERT INTO told SELECT id, label FROM labels PARTITION BY id;
