--@test: AVRO: every type, and NULLs, there and back
CREATE STREAM orders (id INT KEY, n BIGINT, price DECIMAL(6, 2), name STRING, ok BOOLEAN, raw BYTES, tags ARRAY<STRING>, notes MAP<STRING, DOUBLE>, place STRUCT<city STRING, zip INT>, at TIMESTAMP, due DATE, clock TIME) WITH (kafka_topic = 'orders', value_format = 'AVRO', partitions = 1);
CREATE STREAM copied AS SELECT * FROM orders;
INSERT INTO orders (id, n, price, name, ok, raw, tags, notes, place, at, due, clock) VALUES (1, 7, -12.50, 'tea', true, TO_BYTES('abc', 'ascii'), ARRAY['a', NULL], MAP('x' := 0.5), STRUCT(city := 'Bonn', zip := 53111), '1969-12-31T23:59:59.999', '2024-05-02', '10:11:12');
INSERT INTO orders (id) VALUES (2);
ASSERT VALUES copied (id, n, price, name, ok, raw, tags, notes, place, at, due, clock) VALUES (1, 7, -12.50, 'tea', true, TO_BYTES('abc', 'ascii'), ARRAY['a', NULL], MAP('x' := 0.5), STRUCT(city := 'Bonn', zip := 53111), '1969-12-31T23:59:59.999', '2024-05-02', '10:11:12');
ASSERT VALUES copied (id, n, price, name, ok, raw, tags, notes, place, at, due, clock) VALUES (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

--@test: AVRO: columns are found in the registry, keys and values
CREATE STREAM first (k INT KEY, big BIGINT, part STRUCT<x DOUBLE>) WITH (kafka_topic = 'shared', format = 'AVRO', partitions = 1);
CREATE STREAM second WITH (kafka_topic = 'shared', format = 'AVRO');
CREATE STREAM sums AS SELECT rowkey, big + 1 AS more, part->x AS x FROM second;
INSERT INTO first (k, big, part) VALUES (1, 41, STRUCT(x := 0.5));
ASSERT VALUES sums (rowkey, more, x) VALUES (1, 42, 0.5);
ASSERT STREAM second (rowkey INT KEY, big BIGINT, part STRUCT<x DOUBLE>) WITH (kafka_topic = 'shared', format = 'AVRO');

--@test: AVRO: what is inserted into a stream whose columns were inferred is written by the topic's own schema
CREATE STREAM first (word STRING) WITH (kafka_topic = 'words', value_format = 'AVRO', value_schema_full_name = 'org.example.Word', partitions = 1);
CREATE STREAM second WITH (kafka_topic = 'words', value_format = 'AVRO');
CREATE STREAM lengths AS SELECT LEN(word) AS n FROM first;
INSERT INTO second (word) VALUES ('four');
ASSERT VALUES lengths (n) VALUES (4);

--@test: AVRO: a single value without a record
CREATE STREAM bare (a INT) WITH (kafka_topic = 'bare', value_format = 'AVRO', wrap_single_value = false, partitions = 1);
CREATE STREAM wrapped WITH (wrap_single_value = true) AS SELECT a + 1 AS b FROM bare;
CREATE STREAM as_text (a STRING) WITH (kafka_topic = 'bare', value_format = 'AVRO', wrap_single_value = false);
CREATE STREAM texts WITH (value_format = 'JSON') AS SELECT a FROM as_text;
INSERT INTO bare (a) VALUES (1);
ASSERT VALUES wrapped (b) VALUES (2);
ASSERT VALUES texts (a) VALUES ('1');

--@test: AVRO keys: one column bare, several in a record
CREATE TABLE one (id STRUCT<a INT, b STRING> PRIMARY KEY, v INT) WITH (kafka_topic = 'one', format = 'AVRO', partitions = 1);
CREATE TABLE per_v AS SELECT v, COUNT(*) AS n FROM one GROUP BY v;
CREATE STREAM two (x INT KEY, y STRING KEY, v INT) WITH (kafka_topic = 'two', format = 'AVRO', partitions = 1);
CREATE STREAM two_copied AS SELECT * FROM two;
INSERT INTO one (id, v) VALUES (STRUCT(a := 1, b := 'q'), 5);
INSERT INTO two (x, v) VALUES (1, 2);
ASSERT VALUES per_v (v, n) VALUES (5, 1);
ASSERT VALUES two_copied (x, y, v) VALUES (1, NULL, 2);

--@test: AVRO: tombstones
CREATE TABLE t (id INT PRIMARY KEY, v INT) WITH (kafka_topic = 't', value_format = 'AVRO', partitions = 1);
CREATE TABLE small AS SELECT * FROM t WHERE v < 10;
INSERT INTO t (id, v) VALUES (1, 5);
INSERT INTO t (id, v) VALUES (1, 50);
ASSERT VALUES small (id, v) VALUES (1, 5);
ASSERT NULL VALUES small (id) KEY (1);

--@test: AVRO: no schema, no columns
--@expected.error: AnalysisError
--@expected.message: Schema for message values on topic 'nothing' does not exist in the Schema Registry
CREATE STREAM nothing WITH (kafka_topic = 'nothing', value_format = 'AVRO', partitions = 1);

--@test: AVRO: maps have text keys
--@expected.error: AnalysisError
--@expected.message: Avro only supports MAPs with STRING keys
CREATE STREAM numbered (m MAP<INT, INT>) WITH (kafka_topic = 'numbered', value_format = 'AVRO', partitions = 1);

--@test: AVRO: names are letters, digits and underscores
--@expected.error: AnalysisError
--@expected.message: Illegal initial character: 1st
CREATE STREAM numbered (`1st` INT) WITH (kafka_topic = 'numbered', value_format = 'AVRO', partitions = 1);

--@test: a schema id and columns are one too many
--@expected.error: AnalysisError
--@expected.message: cannot both exist
CREATE STREAM both (a INT) WITH (kafka_topic = 'both', value_format = 'AVRO', value_schema_id = 1, partitions = 1);

--@test: a query's columns must fit the schema that it names
--@expected.error: AnalysisError
--@expected.message: changed, missing or reordered
CREATE STREAM first (a INT, b STRING) WITH (kafka_topic = 'first', value_format = 'AVRO', partitions = 1);
CREATE STREAM other WITH (value_schema_id = 1) AS SELECT b, a FROM first;

--@test: schemas are registered with the stream, and deleted with its topic
CREATE STREAM gone (k INT KEY, v INT) WITH (kafka_topic = 'gone', format = 'AVRO', partitions = 1);
ASSERT SCHEMA SUBJECT 'gone-key' ID 1;
ASSERT SCHEMA SUBJECT 'gone-value' ID 2;
ASSERT NOT EXISTS SCHEMA SUBJECT 'gone-value' ID 1;
DROP STREAM gone DELETE TOPIC;
ASSERT NOT EXISTS SCHEMA SUBJECT 'gone-key';
ASSERT NOT EXISTS SCHEMA SUBJECT 'gone-value';
ASSERT NOT EXISTS SCHEMA ID 99;

--@test: a schema that is not there
--@expected.message: Schema with subject name none-value does not exist
ASSERT SCHEMA SUBJECT 'none-value';

--@test: AVRO: a schema's name that Avro does not take is refused
--@expected.message: Illegal initial character: 1st
CREATE STREAM named (k INT KEY, v INT) WITH (kafka_topic = 'named', value_format = 'AVRO', partitions = 1, value_schema_full_name = 'shop.1st');

--@test: AVRO: a schema's name that is empty is refused
--@expected.message: VALUE_SCHEMA_FULL_NAME cannot be empty
CREATE STREAM named (k INT KEY, v INT) WITH (kafka_topic = 'named', value_format = 'AVRO', partitions = 1, value_schema_full_name = ' ');
