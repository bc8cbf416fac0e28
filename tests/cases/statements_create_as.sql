--@test: CREATE STREAM AS SELECT: a topic, formats and a time of its own
CREATE STREAM raw (id INT KEY, at BIGINT, v INT) WITH (kafka_topic = 'raw', value_format = 'JSON', partitions = 1);
CREATE STREAM made WITH (kafka_topic = 'made-lines', value_format = 'DELIMITED', timestamp = 'at') AS SELECT id, at, v * 2 AS v FROM raw WHERE v > 0 EMIT CHANGES;
INSERT INTO raw (rowtime, id, at, v) VALUES (7, 1, 1000, 21);
INSERT INTO raw (rowtime, id, at, v) VALUES (8, 2, 2000, -1);
ASSERT STREAM made (id INT KEY, at BIGINT, v INT) WITH (kafka_topic = 'made-lines', value_format = 'DELIMITED', timestamp = 'AT');
ASSERT VALUES made (rowtime, id, at, v) VALUES (1000, 1, 1000, 42);

--@test: CREATE TABLE AS SELECT: what has no name is called KSQL_COL_0 and so on
CREATE STREAM sales (shop STRING KEY, v INT) WITH (kafka_topic = 'sales', value_format = 'JSON', partitions = 1);
CREATE TABLE sums AS SELECT shop, SUM(v), COUNT(*) FROM sales GROUP BY shop EMIT CHANGES;
INSERT INTO sales (shop, v) VALUES ('a', 5);
INSERT INTO sales (shop, v) VALUES ('a', 6);
ASSERT TABLE sums (shop STRING PRIMARY KEY, ksql_col_0 INT, ksql_col_1 BIGINT) WITH (kafka_topic = 'SUMS', value_format = 'JSON');
ASSERT VALUES sums (shop, ksql_col_0, ksql_col_1) VALUES ('a', 5, 1);
ASSERT VALUES sums (shop, ksql_col_0, ksql_col_1) VALUES ('a', 11, 2);

--@test: CREATE OR REPLACE … AS SELECT goes on with the new expression
--@expected.error: AssertionError
--@expected.message: V = 20
CREATE STREAM raw (id INT KEY, v INT) WITH (kafka_topic = 'raw', value_format = 'JSON', partitions = 1);
CREATE STREAM made AS SELECT id, v FROM raw;
CREATE OR REPLACE STREAM made AS SELECT id, v * 10 AS v FROM raw;
INSERT INTO raw (id, v) VALUES (1, 2);
ASSERT VALUES made (id, v) VALUES (1, 2);

--@test: CREATE … AS SELECT takes no columns
--@expected.error: ParseError
--@expected.message: takes no columns
CREATE STREAM raw (id INT KEY, v INT) WITH (kafka_topic = 'raw', value_format = 'JSON', partitions = 1);
CREATE STREAM made (id INT KEY, v INT) AS SELECT * FROM raw;
