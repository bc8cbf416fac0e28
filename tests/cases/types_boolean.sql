--@test: BOOLEAN: logic with NULL, comparisons and casts
CREATE STREAM flags (id INT KEY, a BOOLEAN, b BOOLEAN, t STRING) WITH (kafka_topic = 'flags', value_format = 'JSON', partitions = 1);
CREATE STREAM logic AS SELECT id, a AND b AS both, a OR b AS either, NOT a AS not_a, a = b AS same, CAST(a AS STRING) AS text, CAST(t AS BOOLEAN) AS read FROM flags;
INSERT INTO flags (id, a, b, t) VALUES (1, true, false, 'TRUE');
INSERT INTO flags (id, a, t) VALUES (2, true, 'maybe');
INSERT INTO flags (id, b) VALUES (3, false);
ASSERT VALUES logic (id, both, either, not_a, same, text, read) VALUES (1, false, true, false, false, 'true', true);
ASSERT VALUES logic (id, both, either, not_a, same, text, read) VALUES (2, NULL, true, false, false, 'true', false);
ASSERT VALUES logic (id, both, same) VALUES (3, false, false);
