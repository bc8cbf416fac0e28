--@test: INSERT VALUES: columns in any order, constants of any kind, a time of the row's own
CREATE STREAM rows (k STRING KEY, i INT, d DOUBLE, a ARRAY<INT>, s STRUCT<x INT>) WITH (kafka_topic = 'rows', value_format = 'JSON', partitions = 1);
CREATE STREAM copied AS SELECT * FROM rows;
INSERT INTO rows (rowtime, d, k) VALUES (1234, 1.5, 'a');
INSERT INTO rows (rowtime, k, i, a, s) VALUES (5, 'b', 2 + 3 * 4, ARRAY[1, NULL], STRUCT(x := ABS(-7)));
INSERT INTO rows (rowtime, k, i, d) VALUES (6, NULL, CAST('8' AS INT), 9);
ASSERT VALUES copied (rowtime, k, d) VALUES (1234, 'a', 1.5);
ASSERT VALUES copied (rowtime, k, i, a, s) VALUES (5, 'b', 14, ARRAY[1, NULL], STRUCT(x := 7));
ASSERT VALUES copied (rowtime, i, d) VALUES (6, 8, 9.0);

--@test: INSERT VALUES with several rows
CREATE STREAM rows (k STRING KEY, i INT, at TIMESTAMP) WITH (kafka_topic = 'rows', value_format = 'JSON', partitions = 1);
CREATE STREAM copied AS SELECT * FROM rows;
INSERT INTO rows (rowtime, k, i) VALUES (3, 'a', 1), (4, 'b', 1 + 1), (5, NULL, NULL);
INSERT INTO rows (rowtime, k, at) VALUES (6, 'c', '2024-01-01T10:00:00.5');
ASSERT VALUES copied (rowtime, k, i) VALUES (3, 'a', 1);
ASSERT VALUES copied (rowtime, k, i) VALUES (4, 'b', 2);
ASSERT VALUES copied (rowtime) VALUES (5);
ASSERT VALUES copied (rowtime, k, at) VALUES (6, 'c', '2024-01-01T10:00:00.500');

--@test: INSERT VALUES without columns takes one for each
--@expected.error: AnalysisError
--@expected.message: expected a value for each column of ROWS
CREATE STREAM rows (k STRING KEY, i INT) WITH (kafka_topic = 'rows', value_format = 'JSON', partitions = 1);
INSERT INTO rows VALUES ('a', 1);
INSERT INTO rows VALUES ('a');

--@test: INSERT VALUES: a pseudo-column other than ROWTIME is refused
--@expected.error: AnalysisError
--@expected.message: inserting into the pseudo-column ROWOFFSET is not supported
CREATE STREAM rows (k STRING KEY, i INT) WITH (kafka_topic = 'rows', value_format = 'JSON', partitions = 1);
INSERT INTO rows (k, rowoffset) VALUES ('a', 1);

--@test: INSERT VALUES: a header column is refused
--@expected.error: AnalysisError
--@expected.message: cannot insert into HEADER column H
CREATE STREAM rows (k STRING KEY, h BYTES HEADER('h')) WITH (kafka_topic = 'rows', value_format = 'JSON', partitions = 1);
INSERT INTO rows (k, h) VALUES ('a', TO_BYTES('00', 'hex'));

--@test: INSERT INTO … SELECT must fit the stream's columns
--@expected.error: AnalysisError
--@expected.message: incompatible schema
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM b (k INT KEY, v STRING) WITH (kafka_topic = 'b', value_format = 'JSON', partitions = 1);
INSERT INTO b SELECT * FROM a;

--@test: INSERT VALUES: text is no number
--@expected.error: TypeMismatch
--@expected.message: STRING '5' cannot be used where INTEGER is wanted
CREATE STREAM rows (k STRING KEY, i INT) WITH (kafka_topic = 'rows', value_format = 'JSON', partitions = 1);
INSERT INTO rows (k, i) VALUES ('a', '5');

--@test: INSERT VALUES: text is no boolean, in a STRUCT either
--@expected.error: TypeMismatch
--@expected.message: STRING 'true' cannot be used where BOOLEAN is wanted
CREATE STREAM rows (k STRING KEY, s STRUCT<b BOOLEAN>) WITH (kafka_topic = 'rows', value_format = 'JSON', partitions = 1);
INSERT INTO rows (k, s) VALUES ('a', STRUCT(b := 'true'));

--@test: INSERT VALUES: a number is no text, in an ARRAY either
--@expected.error: TypeMismatch
--@expected.message: INTEGER 1 cannot be used where STRING is wanted
CREATE STREAM rows (k STRING KEY, a ARRAY<STRING>) WITH (kafka_topic = 'rows', value_format = 'JSON', partitions = 1);
INSERT INTO rows (k, a) VALUES ('a', ARRAY[1]);

--@test: INSERT VALUES: a STRUCT of fewer fields, in any order; text that is a time
CREATE STREAM rows (k STRING KEY, s STRUCT<x INT, y STRING, z BOOLEAN>, d DATE, t TIME, at TIMESTAMP) WITH (kafka_topic = 'rows', value_format = 'JSON', partitions = 1);
CREATE STREAM copied AS SELECT * FROM rows;
INSERT INTO rows (ROWTIME, k, s, d, t, at) VALUES (0, 'a', STRUCT(y := 'b', x := 1), '2024-02-29', '12:30', '2024-02-29T12:30:00');
ASSERT VALUES copied (k, s, d, t, at) VALUES ('a', STRUCT(x := 1, y := 'b'), '2024-02-29', '12:30', '2024-02-29T12:30:00');

--@test: INSERT VALUES of empty lists and maps
CREATE STREAM rows (k STRING KEY, a ARRAY<STRING>, m MAP<STRING, INT>) WITH (kafka_topic = 'rows', value_format = 'JSON', partitions = 1);
CREATE STREAM sizes AS SELECT k, ARRAY_LENGTH(a) AS n, ARRAY_LENGTH(MAP_KEYS(m)) AS keys FROM rows;
INSERT INTO rows (rowtime, k, a, m) VALUES (0, 'a', ARRAY[], MAP()), (0, 'b', ['x'], MAP('x' := 1)), (0, 'c', [], NULL);
ASSERT VALUES sizes (k, n, keys) VALUES ('a', 0, 0);
ASSERT VALUES sizes (k, n, keys) VALUES ('b', 1, 1);
ASSERT VALUES sizes (k, n) VALUES ('c', 0);

--@test: INSERT VALUES: a column that is named twice is refused
--@expected.message: names the column V twice
CREATE STREAM rows (k INT KEY, v INT) WITH (kafka_topic = 'rows', value_format = 'JSON', partitions = 1);
INSERT INTO rows (k, v, v) VALUES (1, 2, 3);
