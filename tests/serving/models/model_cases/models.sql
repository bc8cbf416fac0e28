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

--@test: TRANSFORM makes the artefact's inputs and the answer
CREATE MODEL spam
  INPUT (message STRING, who STRING) TRANSFORM (LCASE(TRIM(message)) AS text, CASE WHEN who = 'me' THEN 2E0 ELSE 1E0 END AS weight)
  OUTPUT (score DOUBLE, seen STRING) TRANSFORM (*, score > 5 AS alarm)
  WITH (PROVIDER = 'python', PATH = 'text.py',
    SELF_TEST = '[{"input": [" Hello ", "me"], "output": {"score": 10, "alarm": true}}]');
CREATE STREAM s (id INT KEY, m STRING, w STRING) WITH (kafka_topic = 's', value_format = 'JSON', partitions = 1);
CREATE STREAM o AS SELECT id, spam(m, w)->seen AS seen, spam(m, w)->score AS score, spam(m, w)->alarm AS alarm FROM s;
CREATE STREAM p AS SELECT id, alarm FROM ML_PREDICT(TABLE s, MODEL spam, DESCRIPTOR(m, w));
INSERT INTO s (id, m, w) VALUES (1, ' ABC', 'me');
INSERT INTO s (id, m, w) VALUES (2, 'abc ', 'you');
INSERT INTO s (id, m, w) VALUES (3, NULL, 'you');
ASSERT VALUES o (id, seen, score, alarm) VALUES (1, '<abc>', 6, true);
ASSERT VALUES o (id, seen, score, alarm) VALUES (2, '<abc>', 3, false);
ASSERT VALUES o (id, seen, score, alarm) VALUES (3, NULL, NULL, NULL);
ASSERT VALUES p (id, alarm) VALUES (1, true);
ASSERT VALUES p (id, alarm) VALUES (2, false);
ASSERT VALUES p (id, alarm) VALUES (3, NULL);

--@test: a TRANSFORM that fails, gives NULL, or makes what the model fails on costs its row alone
CREATE MODEL m
  INPUT (t STRING) TRANSFORM (NULLIF(t, 'nothing') AS text, CAST(SUBSTRING(t, 1, 1) AS DOUBLE) AS weight)
  OUTPUT (score DOUBLE) TRANSFORM (CAST(12 / CAST(score AS INT) AS INT) AS y)
  WITH (PROVIDER = 'python', PATH = 'text.py', ON_ERROR = 'error_column');
CREATE STREAM s (id INT KEY, t STRING) WITH (kafka_topic = 's', value_format = 'JSON', partitions = 1);
CREATE STREAM o AS SELECT id, m(t)->y AS y, m(t)->error IS NOT NULL AS failed FROM s;
INSERT INTO s (id, t) VALUES (1, '1a');
INSERT INTO s (id, t) VALUES (2, 'x');
INSERT INTO s (id, t) VALUES (3, '0');
INSERT INTO s (id, t) VALUES (4, '3a');
ASSERT VALUES o (id, y, failed) VALUES (1, 6, false);
ASSERT VALUES o (id, y, failed) VALUES (2, NULL, true);
ASSERT VALUES o (id, y, failed) VALUES (3, NULL, true);
ASSERT VALUES o (id, y, failed) VALUES (4, 2, false);

--@test: pre- and post-processing go with the alias
CREATE MODEL m INPUT (a DOUBLE) TRANSFORM (a + 1 AS x) OUTPUT (y DOUBLE) TRANSFORM (y * 10 AS y)
  WITH (PROVIDER = 'python', PATH = 'double.py');
CREATE STREAM s (id INT KEY, a DOUBLE) WITH (kafka_topic = 's', value_format = 'JSON', partitions = 1);
CREATE STREAM o AS SELECT id, m(a) AS y FROM s;
CREATE OR REPLACE MODEL m INPUT (a DOUBLE) TRANSFORM (ABS(a) AS x) OUTPUT (y DOUBLE) WITH (PROVIDER = 'python', PATH = 'double.py');
INSERT INTO s (id, a) VALUES (1, -3);
ALTER MODEL m SET ALIAS champion = 2;
INSERT INTO s (id, a) VALUES (2, -3);
ALTER MODEL m ROLLBACK;
INSERT INTO s (id, a) VALUES (3, -3);
ASSERT VALUES o (id, y) VALUES (1, -40);
ASSERT VALUES o (id, y) VALUES (2, 6);
ASSERT VALUES o (id, y) VALUES (3, -40);

--@test: a TRANSFORM names columns of what it stands behind
--@expected.error: UnknownName
--@expected.message: column A does not exist
CREATE MODEL m INPUT (a DOUBLE) TRANSFORM (a AS x) OUTPUT (y DOUBLE) TRANSFORM (y + a AS y)
  WITH (PROVIDER = 'python', PATH = 'double.py');
