--@test: DELIMITED in, JSON out, and back
CREATE STREAM lines (id INT KEY, name STRING, price DOUBLE) WITH (kafka_topic = 'lines', value_format = 'DELIMITED', partitions = 1);
CREATE STREAM as_json WITH (value_format = 'JSON') AS SELECT * FROM lines;
CREATE STREAM as_lines WITH (value_format = 'DELIMITED') AS SELECT * FROM as_json;
INSERT INTO lines (id, name, price) VALUES (1, 'tea, green', 2.5);
INSERT INTO lines (id, name) VALUES (2, 'he said "no"');
ASSERT VALUES as_json (id, name, price) VALUES (1, 'tea, green', 2.5);
ASSERT VALUES as_lines (id, name, price) VALUES (1, 'tea, green', 2.5);
ASSERT VALUES as_lines (id, name) VALUES (2, 'he said "no"');

--@test: KAFKA keys and values in the layout of Java's serializers
CREATE STREAM raw (k BIGINT KEY, v DOUBLE) WITH (kafka_topic = 'raw', key_format = 'KAFKA', value_format = 'KAFKA', partitions = 1);
CREATE STREAM twice AS SELECT k, v * 2 AS v FROM raw;
INSERT INTO raw (k, v) VALUES (-1, 0.75);
ASSERT STREAM twice (k BIGINT KEY, v DOUBLE) WITH (kafka_topic = 'TWICE', key_format = 'KAFKA', value_format = 'KAFKA');
ASSERT VALUES twice (k, v) VALUES (-1, 1.5);

--@test: a record that cannot be read costs only itself
CREATE STREAM text (id INT KEY, line STRING) WITH (kafka_topic = 'mixed', value_format = 'KAFKA', partitions = 1);
CREATE STREAM parsed (id INT KEY, n INT) WITH (kafka_topic = 'mixed', value_format = 'JSON', partitions = 1);
CREATE STREAM good AS SELECT id, n FROM parsed;
INSERT INTO text (id, line) VALUES (1, '{"N": 1}');
INSERT INTO text (id, line) VALUES (2, '{"N": ');
INSERT INTO text (id, line) VALUES (3, '{"N": "3"}');
INSERT INTO text (id, line) VALUES (4, '{"N": [4]}');
INSERT INTO text (id, line) VALUES (5, '{"N": 5}');
ASSERT VALUES good (id, n) VALUES (1, 1);
ASSERT VALUES good (id, n) VALUES (3, 3);
ASSERT VALUES good (id, n) VALUES (5, 5);

--@test: NULL columns, NULL keys and NULL values
CREATE STREAM maybe (k STRING KEY, a INT, b STRING) WITH (kafka_topic = 'maybe', value_format = 'JSON', partitions = 1);
CREATE STREAM sure AS SELECT k, IFNULL(a, 0) AS a, COALESCE(b, '?') AS b FROM maybe;
CREATE TABLE counted AS SELECT k, COUNT(*) AS n FROM maybe GROUP BY k;
INSERT INTO maybe (k, a) VALUES ('x', 1);
INSERT INTO maybe (a, b) VALUES (2, 'two');
INSERT INTO maybe (k) VALUES ('x');
ASSERT VALUES sure (k, a, b) VALUES ('x', 1, '?');
ASSERT VALUES sure (a, b) VALUES (2, 'two');
ASSERT VALUES sure (k, a, b) VALUES ('x', 0, '?');
ASSERT VALUES counted (k, n) VALUES ('x', 1);
ASSERT VALUES counted (k, n) VALUES ('x', 2);

--@test: NONE is for keys: none is read, none is written
CREATE STREAM sensors (place STRING, heat INT) WITH (kafka_topic = 'sensors', key_format = 'NONE', value_format = 'JSON', partitions = 1);
CREATE STREAM hot AS SELECT place, heat FROM sensors WHERE heat > 30;
CREATE STREAM keyed WITH (key_format = 'KAFKA') AS SELECT place, heat FROM hot PARTITION BY place;
CREATE STREAM bare WITH (key_format = 'NONE') AS SELECT heat FROM keyed PARTITION BY NULL;
CREATE TABLE places AS SELECT place, MAX(heat) AS most FROM sensors GROUP BY place;
INSERT INTO sensors (place, heat) VALUES ('attic', 41);
INSERT INTO sensors (place, heat) VALUES ('cellar', 12);
ASSERT STREAM hot (place STRING, heat INT) WITH (kafka_topic = 'HOT', key_format = 'NONE', value_format = 'JSON');
ASSERT VALUES hot (place, heat) VALUES ('attic', 41);
ASSERT VALUES keyed (place, heat) VALUES ('attic', 41);
ASSERT VALUES bare (heat) VALUES (41);
ASSERT VALUES places (place, most) VALUES ('attic', 41);
ASSERT VALUES places (place, most) VALUES ('cellar', 12);

--@test: a key column wants a format that holds it
--@expected.error: UserError
--@expected.message: The 'NONE' format does not support key columns
CREATE STREAM sensors (id INT KEY, heat INT) WITH (kafka_topic = 'sensors', key_format = 'NONE', value_format = 'JSON', partitions = 1);

--@test: NONE holds no values
--@expected.error: UserError
--@expected.message: The 'NONE' format can only be used for keys
CREATE STREAM sensors (heat INT) WITH (kafka_topic = 'sensors', value_format = 'NONE', partitions = 1);
