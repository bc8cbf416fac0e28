--@test: TERMINATE ends a query; what it made stays
--@expected.error: AssertionError
--@expected.message: a record of B was expected and there is none
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM b AS SELECT * FROM a;
INSERT INTO a (k, v) VALUES (1, 1);
TERMINATE csas_b_0;
INSERT INTO a (k, v) VALUES (2, 2);
ASSERT STREAM b (k INT KEY, v INT) WITH (kafka_topic = 'B', value_format = 'JSON');
ASSERT VALUES b (k, v) VALUES (1, 1);
ASSERT VALUES b (k, v) VALUES (2, 2);

--@test: PAUSE holds a query, RESUME lets it take in what has come meanwhile
--@expected.error: AssertionError
--@expected.message: a record of B was expected and there is none
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM b AS SELECT * FROM a;
INSERT INTO a (k, v) VALUES (1, 1);
PAUSE csas_b_0;
INSERT INTO a (k, v) VALUES (2, 2);
RESUME ALL;
PAUSE ALL;
INSERT INTO a (k, v) VALUES (3, 3);
ASSERT VALUES b (k, v) VALUES (1, 1);
ASSERT VALUES b (k, v) VALUES (2, 2);
ASSERT VALUES b (k, v) VALUES (3, 3);

--@test: TERMINATE: a query that is not there
--@expected.error: UnknownName
TERMINATE nothing_1;
