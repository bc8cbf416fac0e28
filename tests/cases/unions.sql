--@test: UNION ALL: the rows of both, columns by their place, names of the first, types that hold both
CREATE STREAM a (id INT KEY, x INT, s STRING) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM b (k INT KEY, y BIGINT, t STRING) WITH (kafka_topic = 'b', value_format = 'JSON', partitions = 1);
CREATE STREAM both AS SELECT id, x, s FROM a WHERE x > 1 UNION ALL SELECT k, y * 10, UCASE(t) FROM b EMIT CHANGES;
INSERT INTO a (rowtime, id, x, s) VALUES (0, 1, 1, 'small');
INSERT INTO a (rowtime, id, x, s) VALUES (1, 1, 2, 'two');
INSERT INTO b (rowtime, k, y, t) VALUES (2, 1, 5, 'ten');
INSERT INTO a (rowtime, id, x, s) VALUES (3, 2, 3, 'three');
INSERT INTO b (rowtime, k, y, t) VALUES (4, 1, NULL, NULL);
ASSERT STREAM both (id INT KEY, x BIGINT, s STRING) WITH (kafka_topic = 'BOTH', value_format = 'JSON');
ASSERT VALUES both (rowtime, id, x, s) VALUES (1, 1, 2, 'two');
ASSERT VALUES both (rowtime, id, x, s) VALUES (2, 1, 50, 'TEN');
ASSERT VALUES both (rowtime, id, x, s) VALUES (3, 2, 3, 'three');
ASSERT VALUES both (rowtime, id, x, s) VALUES (4, 1, NULL, NULL);

--@test: UNION ALL: one stream in both arms: of each record the first arm's rows come first
CREATE STREAM a (id INT KEY, x INT, xs ARRAY<INT>) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM both AS
  SELECT id, x AS v, 'x' AS what FROM a UNION ALL SELECT id, EXPLODE(xs), 'xs' FROM a UNION ALL SELECT id, -x, 'minus' FROM a WHERE x > 1;
INSERT INTO a (rowtime, id, x, xs) VALUES (0, 1, 1, ARRAY[11, 12]);
INSERT INTO a (rowtime, id, x, xs) VALUES (1, 1, 2, NULL);
INSERT INTO a (rowtime, id, x, xs) VALUES (2, 1, 3, ARRAY[13]);
ASSERT VALUES both (rowtime, id, v, what) VALUES (0, 1, 1, 'x');
ASSERT VALUES both (rowtime, id, v, what) VALUES (0, 1, 11, 'xs');
ASSERT VALUES both (rowtime, id, v, what) VALUES (0, 1, 12, 'xs');
ASSERT VALUES both (rowtime, id, v, what) VALUES (1, 1, 2, 'x');
ASSERT VALUES both (rowtime, id, v, what) VALUES (1, 1, -2, 'minus');
ASSERT VALUES both (rowtime, id, v, what) VALUES (2, 1, 3, 'x');
ASSERT VALUES both (rowtime, id, v, what) VALUES (2, 1, 13, 'xs');
ASSERT VALUES both (rowtime, id, v, what) VALUES (2, 1, -3, 'minus');

--@test: UNION ALL: an arm that joins beside one that does not
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM b (id INT KEY, x INT) WITH (kafka_topic = 'b', value_format = 'JSON', partitions = 1);
CREATE TABLE t (id INT PRIMARY KEY, name STRING) WITH (kafka_topic = 't', value_format = 'JSON', partitions = 1);
CREATE STREAM both AS
  SELECT a.id AS id, a.x AS x, t.name AS name FROM a JOIN t ON a.id = t.id UNION ALL SELECT id, x, 'nobody' FROM b;
INSERT INTO t (rowtime, id, name) VALUES (0, 1, 'ann');
INSERT INTO a (rowtime, id, x) VALUES (1, 1, 1);
INSERT INTO b (rowtime, id, x) VALUES (2, 1, 2);
INSERT INTO t (rowtime, id, name) VALUES (3, 1, 'bob');
INSERT INTO b (rowtime, id, x) VALUES (4, 1, 3);
INSERT INTO a (rowtime, id, x) VALUES (5, 1, 4);
INSERT INTO a (rowtime, id, x) VALUES (6, 2, 5);
ASSERT VALUES both (rowtime, id, x, name) VALUES (1, 1, 1, 'ann');
ASSERT VALUES both (rowtime, id, x, name) VALUES (2, 1, 2, 'nobody');
ASSERT VALUES both (rowtime, id, x, name) VALUES (4, 1, 3, 'nobody');
ASSERT VALUES both (rowtime, id, x, name) VALUES (5, 1, 4, 'bob');

--@test: UNION ALL: keys made by PARTITION BY, keys of several columns, and none
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', key_format = 'JSON', value_format = 'JSON', partitions = 1);
CREATE STREAM b (y INT, z INT) WITH (kafka_topic = 'b', value_format = 'JSON', partitions = 1);
CREATE STREAM keyed AS SELECT id, x FROM a UNION ALL SELECT y, z FROM b PARTITION BY y;
CREATE STREAM two AS SELECT id, x, 1 AS v FROM a PARTITION BY id, x UNION ALL SELECT y, z, 2 FROM b PARTITION BY y, z;
CREATE STREAM keyless AS SELECT x FROM a PARTITION BY NULL UNION ALL SELECT y FROM b;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 10);
INSERT INTO b (rowtime, y, z) VALUES (1, 1, 20);
INSERT INTO b (rowtime, y, z) VALUES (2, 2, 20);
INSERT INTO a (rowtime, id, x) VALUES (3, 2, 20);
ASSERT VALUES keyed (rowtime, id, x) VALUES (0, 1, 10);
ASSERT VALUES keyed (rowtime, id, x) VALUES (1, 1, 20);
ASSERT VALUES keyed (rowtime, id, x) VALUES (2, 2, 20);
ASSERT VALUES keyed (rowtime, id, x) VALUES (3, 2, 20);
ASSERT VALUES two (rowtime, id, x, v) VALUES (0, 1, 10, 1);
ASSERT VALUES two (rowtime, id, x, v) VALUES (1, 1, 20, 2);
ASSERT VALUES two (rowtime, id, x, v) VALUES (2, 2, 20, 2);
ASSERT VALUES two (rowtime, id, x, v) VALUES (3, 2, 20, 1);
ASSERT VALUES keyless (rowtime, x) VALUES (0, 10);
ASSERT VALUES keyless (rowtime, x) VALUES (1, 1);
ASSERT VALUES keyless (rowtime, x) VALUES (2, 2);
ASSERT VALUES keyless (rowtime, x) VALUES (3, 20);

--@test: INSERT INTO takes a union
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM b (id INT KEY, x INT) WITH (kafka_topic = 'b', value_format = 'JSON', partitions = 1);
CREATE STREAM out (id INT KEY, x BIGINT) WITH (kafka_topic = 'out', value_format = 'JSON', partitions = 1);
INSERT INTO out (SELECT id, x FROM a) UNION ALL (WITH more AS (SELECT id, x + 1 AS y FROM b) SELECT id, y FROM more);
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO b (rowtime, id, x) VALUES (1, 1, 1);
ASSERT VALUES out (rowtime, id, x) VALUES (0, 1, 1);
ASSERT VALUES out (rowtime, id, x) VALUES (1, 1, 2);

--@test: GROUP BY over a union, whose arms need not have one key
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM b (who INT, y INT) WITH (kafka_topic = 'b', value_format = 'JSON', partitions = 1);
CREATE TABLE counts AS
  SELECT k, COUNT(*) AS n, SUM(v) AS s, LATEST_BY_OFFSET(v) AS last FROM (SELECT id AS k, x AS v FROM a UNION ALL SELECT who, y FROM b) u GROUP BY k;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO b (rowtime, who, y) VALUES (1, 1, 2);
INSERT INTO b (rowtime, who, y) VALUES (2, 2, 4);
INSERT INTO a (rowtime, id, x) VALUES (3, 1, 8);
ASSERT VALUES counts (rowtime, k, n, s, last) VALUES (0, 1, 1, 1, 1);
ASSERT VALUES counts (rowtime, k, n, s, last) VALUES (1, 1, 2, 3, 2);
ASSERT VALUES counts (rowtime, k, n, s, last) VALUES (2, 2, 1, 4, 4);
ASSERT VALUES counts (rowtime, k, n, s, last) VALUES (3, 1, 3, 11, 8);

--@test: a WINDOW over a union: stream time is that of all arms' rows
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM b (id INT KEY, x INT) WITH (kafka_topic = 'b', value_format = 'JSON', partitions = 1);
CREATE TABLE counts AS
  SELECT id, COUNT(*) AS n FROM (SELECT id FROM a UNION ALL SELECT id FROM b) u
  WINDOW TUMBLING (SIZE 10 MILLISECONDS, GRACE PERIOD 0 MILLISECONDS) GROUP BY id;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO b (rowtime, id, x) VALUES (5, 1, 1);
INSERT INTO b (rowtime, id, x) VALUES (12, 1, 1);
INSERT INTO b (rowtime, id, x) VALUES (9, 1, 1);
INSERT INTO a (rowtime, id, x) VALUES (13, 1, 1);
ASSERT VALUES counts (rowtime, id, windowstart, windowend, n) VALUES (0, 1, 0, 10, 1);
ASSERT VALUES counts (rowtime, id, windowstart, windowend, n) VALUES (5, 1, 0, 10, 2);
ASSERT VALUES counts (rowtime, id, windowstart, windowend, n) VALUES (12, 1, 10, 20, 1);
ASSERT VALUES counts (rowtime, id, windowstart, windowend, n) VALUES (13, 1, 10, 20, 2);
