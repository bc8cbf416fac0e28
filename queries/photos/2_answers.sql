-- Photos as they come, each with the team that is to look at it.
CREATE STREAM photos (id STRING KEY, route STRING, photo STRING)
  WITH (KAFKA_TOPIC = 'photos', PARTITIONS = 2, VALUE_FORMAT = 'JSON');

-- A photo is put to the model of its route and to no other.
CREATE TABLE answers AS
  SELECT id,
         LATEST_BY_OFFSET(route) AS route,
         LATEST_BY_OFFSET(CASE route
           WHEN 'post' THEN digits(photo)->label
           WHEN 'phone' THEN digits_small(photo)->label
           WHEN 'archive' THEN page(photo)->label
         END) AS label
  FROM photos
  GROUP BY id
  EMIT CHANGES;
