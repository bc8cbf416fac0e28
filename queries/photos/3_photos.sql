-- The photos of the file, held-out digits and some blank pages, go into the topic.
CREATE STREAM camera (id STRING, route STRING, photo STRING) WITH (PATH = 'queries/photos/photos.jsonl', PATH_FORMAT = 'json');

INSERT INTO photos SELECT id, route, photo FROM camera PARTITION BY id;
