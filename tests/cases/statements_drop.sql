--@test: DROP ends the query that made it; the topic stays and may be read again
--@expected.error: AssertionError
--@expected.message: a record of AGAIN was expected and there is none
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM b AS SELECT * FROM a;
INSERT INTO a (k, v) VALUES (1, 1);
DROP STREAM b;
DROP STREAM IF EXISTS b;
INSERT INTO a (k, v) VALUES (2, 2);
CREATE STREAM again (k INT KEY, v INT) WITH (kafka_topic = 'B', value_format = 'JSON', partitions = 1);
ASSERT VALUES again (k, v) VALUES (1, 1);
ASSERT VALUES again (k, v) VALUES (2, 2);

--@test: DROP: what a query reads stays
--@expected.error: Conflict
--@expected.message: queries that read from it: CSAS_B_0
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM b AS SELECT * FROM a;
DROP STREAM a;

--@test: DROP TABLE is for tables
--@expected.error: AnalysisError
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
DROP TABLE a;

--@test: DROP … DELETE TOPIC takes the topic too
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'gone', value_format = 'JSON', partitions = 1);
ASSERT TOPIC 'gone';
DROP STREAM a DELETE TOPIC;
ASSERT NOT EXISTS TOPIC 'gone';
