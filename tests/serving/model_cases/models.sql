-- Models registered by a test: PATH is relative to the file.

--@test: a model is a function, and NULL in is NULL out
CREATE MODEL score INPUT (x DOUBLE) OUTPUT (y DOUBLE)
  WITH (PROVIDER = 'python', PATH = 'double.py', SELF_TEST = '[{"input": 2, "output": 4}]');
CREATE STREAM s (id INT KEY, a DOUBLE) WITH (kafka_topic = 's', value_format = 'JSON', partitions = 1);
CREATE STREAM o AS SELECT id, score(a) AS y, MODEL_VERSION(score(a)) AS v FROM s;
INSERT INTO s (id, a) VALUES (1, 10);
INSERT INTO s (id, a) VALUES (2, NULL);
ASSERT VALUES o (id, y, v) VALUES (1, 20, 1);
ASSERT VALUES o (id, y, v) VALUES (2, NULL, NULL);
CREATE TABLE t AS SELECT id, score(SUM(a)) AS y FROM s GROUP BY id;
INSERT INTO s (id, a) VALUES (1, 2);
ASSERT VALUES t (id, y) VALUES (1, 20);
ASSERT VALUES t (id, y) VALUES (2, 0);
ASSERT VALUES t (id, y) VALUES (1, 24);

--@test: an alias moves between two records, and back
CREATE MODEL score INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (PROVIDER = 'python', PATH = 'double.py');
CREATE STREAM s (id INT KEY, a DOUBLE) WITH (kafka_topic = 's', value_format = 'JSON', partitions = 1);
CREATE STREAM p AS SELECT id, score(a) AS y FROM s;
CREATE OR REPLACE MODEL score INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (PROVIDER = 'python', PATH = 'triple.py');
INSERT INTO s (id, a) VALUES (1, 10);
ALTER MODEL score SET ALIAS champion = 2;
INSERT INTO s (id, a) VALUES (2, 10);
ALTER MODEL score ROLLBACK;
INSERT INTO s (id, a) VALUES (3, 10);
ASSERT VALUES p (id, y) VALUES (1, 20);
ASSERT VALUES p (id, y) VALUES (2, 30);
ASSERT VALUES p (id, y) VALUES (3, 20);

--@test: what does not fit is refused
--@expected.error: UserError
--@expected.message: fails its self-test
CREATE MODEL score INPUT (x DOUBLE) OUTPUT (y DOUBLE)
  WITH (PROVIDER = 'python', PATH = 'double.py', SELF_TEST = '[{"input": 2, "output": 5}]');

--@test: a model that a query calls is not dropped
--@expected.error: Conflict
--@expected.message: is in use
CREATE MODEL score INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (PROVIDER = 'python', PATH = 'double.py');
CREATE STREAM s (id INT KEY, a DOUBLE) WITH (kafka_topic = 's', value_format = 'JSON', partitions = 1);
CREATE STREAM o AS SELECT id, score(a) AS y FROM s;
DROP MODEL score;

--@test: what a model fails on leaves the query and is kept
CREATE MODEL score INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (PROVIDER = 'python', PATH = 'unlucky.py', ON_ERROR = 'dlq');
CREATE STREAM s (id INT KEY, a DOUBLE) WITH (kafka_topic = 's', value_format = 'JSON', partitions = 1);
CREATE STREAM o AS SELECT id, score(a) AS y FROM s;
INSERT INTO s (id, a) VALUES (1, 10);
INSERT INTO s (id, a, rowtime) VALUES (2, 13, 5);
INSERT INTO s (id, a) VALUES (3, 14);
ASSERT VALUES o (id, y) VALUES (1, 11);
ASSERT VALUES o (id, y) VALUES (3, 15);
ASSERT VALUES score__dead_letters (model, version, reason, query, topic, `PARTITION`, `OFFSET`, key, input, rowtime)
  VALUES ('SCORE', 1, 'unlucky', 'CSAS_O_0', 's', 0, 1, '{"ID":2}', STRUCT(x := 13), 5);
