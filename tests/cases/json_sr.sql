--@test: JSON_SR: what JSON says, behind the id of a schema
CREATE STREAM events (id INT KEY, n BIGINT, price DECIMAL(6, 2), tags MAP<STRING, INT>, part STRUCT<a STRING, b ARRAY<DOUBLE>>, day DATE) WITH (kafka_topic = 'events', value_format = 'JSON_SR', partitions = 1);
CREATE STREAM copied AS SELECT * FROM events;
INSERT INTO events (id, n, price, tags, part, day) VALUES (1, 5, 10.00, MAP('x' := 1), STRUCT(a := 'q', b := ARRAY[0.5]), '2024-02-29');
INSERT INTO events (id, n) VALUES (2, NULL);
ASSERT VALUES copied (id, n, price, tags, part, day) VALUES (1, 5, 10.00, MAP('x' := 1), STRUCT(a := 'q', b := ARRAY[0.5]), '2024-02-29');
ASSERT VALUES copied (id, n, price, tags, part, day) VALUES (2, NULL, NULL, NULL, NULL, NULL);

--@test: JSON_SR: columns are found in the registry, a bare key is ROWKEY
CREATE STREAM first (k STRING KEY, a INT, b STRUCT<c TIMESTAMP>) WITH (kafka_topic = 'shared', format = 'JSON_SR', partitions = 1);
CREATE STREAM second WITH (kafka_topic = 'shared', format = 'JSON_SR');
CREATE STREAM out AS SELECT rowkey, a * 2 AS a, b->c AS c FROM second;
INSERT INTO first (k, a, b) VALUES ('x', 4, STRUCT(c := '2024-05-01T10:00:00.000'));
ASSERT VALUES out (rowkey, a, c) VALUES ('x', 8, '2024-05-01T10:00:00.000');

--@test: JSON_SR: a single value without a field
CREATE STREAM wide (id INT KEY, n INT) WITH (kafka_topic = 'wide', value_format = 'JSON_SR', partitions = 1);
CREATE STREAM bare WITH (wrap_single_value = false) AS SELECT * FROM wide;
INSERT INTO wide (id, n) VALUES (1, 9);
ASSERT VALUES bare (id, n) VALUES (1, 9);

--@test: JSON_SR: a record without a schema's id costs only itself
CREATE STREAM text (id INT KEY, line STRING) WITH (kafka_topic = 'mixed', value_format = 'KAFKA', partitions = 1);
CREATE STREAM good (id INT KEY, n INT) WITH (kafka_topic = 'mixed', value_format = 'JSON_SR', partitions = 1);
CREATE STREAM seen AS SELECT id, n FROM good;
INSERT INTO text (id, line) VALUES (1, '{"N": 1}');
INSERT INTO good (id, n) VALUES (2, 2);
ASSERT VALUES seen (id, n) VALUES (2, 2);

--@test: JSON_SR: maps have text keys
--@expected.error: AnalysisError
--@expected.message: JSON only supports MAP types with STRING keys
CREATE STREAM numbered (m MAP<INT, INT>) WITH (kafka_topic = 'numbered', value_format = 'JSON_SR', partitions = 1);

--@test: a column added to a JSON_SR stream goes into a new version of its schema
CREATE STREAM s (a INT) WITH (kafka_topic = 's', value_format = 'JSON_SR', partitions = 1);
CREATE STREAM o WITH (value_format = 'JSON') AS SELECT a * 2 AS b FROM s;
INSERT INTO s (a) VALUES (1);
ALTER STREAM s ADD COLUMN c STRING;
INSERT INTO s (a, c) VALUES (2, 'x');
ASSERT VALUES o (b) VALUES (2);
ASSERT VALUES o (b) VALUES (4);
