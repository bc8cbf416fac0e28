--@test: ASSERT TOPIC, STREAM, TABLE, VALUES, TOMBSTONE and NULL VALUES
CREATE TABLE t (id INT PRIMARY KEY, v INT) WITH (kafka_topic = 't', value_format = 'JSON', partitions = 1);
CREATE TABLE few AS SELECT * FROM t WHERE v < 3;
INSERT INTO t (id, v) VALUES (1, 1);
INSERT INTO t (id, v) VALUES (1, 3);
INSERT INTO t (id, v) VALUES (1, 2);
INSERT INTO t (id, v) VALUES (1, 4);
ASSERT TOPIC t;
ASSERT TOPIC 't' WITH (partitions = 1, replicas = 1) TIMEOUT 1 SECOND;
ASSERT NOT EXISTS TOPIC u;
ASSERT TABLE few (id INT PRIMARY KEY, v INT) WITH (kafka_topic = 'FEW', value_format = 'JSON');
ASSERT VALUES few (id, v) VALUES (1, 1);
ASSERT NULL VALUES few (id) KEY (1);
ASSERT VALUES few (v, id) VALUES (2, 1);
ASSERT TOMBSTONE few (id) KEY (1);

--@test: ASSERT VALUES that does not hold says what was found
--@expected.error: AssertionError
--@expected.message: Expected record does not match actual
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
INSERT INTO a (k, v) VALUES (1, 1);
ASSERT VALUES a (k, v) VALUES (1, 2);
