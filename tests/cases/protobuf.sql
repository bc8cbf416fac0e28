--@test: PROTOBUF: a message has no NULL for numbers, text, arrays and maps, but for structs and times
CREATE STREAM orders (id INT KEY, n INT, price DECIMAL(6, 2), name STRING, ok BOOLEAN, tags ARRAY<STRING>, place STRUCT<city STRING, zip INT>, at TIMESTAMP, due DATE) WITH (kafka_topic = 'orders', value_format = 'PROTOBUF', partitions = 1);
CREATE STREAM copied AS SELECT id, n, price, name, ok, place, at, due FROM orders;
CREATE STREAM sized AS SELECT id, ARRAY_LENGTH(tags) AS tags FROM orders;
INSERT INTO orders (id, n, price, name, ok, tags, place, at, due) VALUES (1, 7, 12.50, 'tea', true, ARRAY['a', 'b'], STRUCT(city := 'Bonn', zip := 53111), '2024-05-01T10:00:00.000', '2024-05-02');
INSERT INTO orders (id) VALUES (2);
ASSERT VALUES copied (id, n, price, name, ok, place, at, due) VALUES (1, 7, 12.50, 'tea', true, STRUCT(city := 'Bonn', zip := 53111), '2024-05-01T10:00:00.000', '2024-05-02');
ASSERT VALUES copied (id, n, price, name, ok, place, at, due) VALUES (2, 0, NULL, '', false, NULL, NULL, NULL);
ASSERT VALUES sized (id, tags) VALUES (1, 2);
ASSERT VALUES sized (id, tags) VALUES (2, 0);

--@test: PROTOBUF: OPTIONAL and WRAPPER tell NULL from a default
CREATE STREAM src (id INT KEY, a INT, b STRING) WITH (kafka_topic = 'src', value_format = 'PROTOBUF', value_protobuf_nullable_representation = 'WRAPPER', partitions = 1);
CREATE STREAM optional WITH (value_format = 'PROTOBUF', value_protobuf_nullable_representation = 'OPTIONAL') AS SELECT * FROM src;
CREATE STREAM bare WITH (value_format = 'PROTOBUF') AS SELECT * FROM optional;
INSERT INTO src (id, a, b) VALUES (1, 0, '');
INSERT INTO src (id) VALUES (2);
ASSERT VALUES optional (id, a, b) VALUES (1, 0, '');
ASSERT VALUES optional (id, a, b) VALUES (2, NULL, NULL);
ASSERT VALUES bare (id, a, b) VALUES (1, 0, '');
ASSERT VALUES bare (id, a, b) VALUES (2, 0, '');

--@test: PROTOBUF: columns are found in the registry
CREATE STREAM first (k INT KEY, big BIGINT, part STRUCT<x DOUBLE>) WITH (kafka_topic = 'shared', value_format = 'PROTOBUF', partitions = 1);
CREATE STREAM second (k INT KEY) WITH (kafka_topic = 'shared', value_format = 'PROTOBUF');
CREATE STREAM sums AS SELECT k, big + 1 AS more, part->x AS x FROM second;
INSERT INTO first (k, big, part) VALUES (1, 41, STRUCT(x := 0.5));
ASSERT VALUES sums (k, more, x) VALUES (1, 42, 0.5);

--@test: PROTOBUF keys are messages, of one column too
CREATE TABLE counts (id BIGINT PRIMARY KEY, name STRING) WITH (kafka_topic = 'named', format = 'PROTOBUF', partitions = 1);
CREATE TABLE per_name AS SELECT name, COUNT(*) AS n FROM counts GROUP BY name;
INSERT INTO counts (id, name) VALUES (1, 'a');
INSERT INTO counts (id, name) VALUES (2, 'a');
ASSERT VALUES per_name (name, n) VALUES ('a', 1);
ASSERT VALUES per_name (name, n) VALUES ('a', 2);

--@test: PROTOBUF_NOSR: messages without a registry
CREATE STREAM plain (id INT KEY, m MAP<STRING, INT>, t TIME) WITH (kafka_topic = 'plain', value_format = 'PROTOBUF_NOSR', partitions = 1);
CREATE STREAM as_json WITH (value_format = 'JSON') AS SELECT id, m['a'] AS a, t FROM plain;
INSERT INTO plain (id, m, t) VALUES (1, MAP('a' := 5), '10:11:12');
ASSERT VALUES as_json (id, a, t) VALUES (1, 5, '10:11:12');

--@test: PROTOBUF: no single value without a field
--@expected.error: AnalysisError
--@expected.message: does not support 'WRAP_SINGLE_VALUE' set to 'false'
CREATE STREAM single (a INT) WITH (kafka_topic = 'single', value_format = 'PROTOBUF', wrap_single_value = false, partitions = 1);

--@test: PROTOBUF: maps have text keys
--@expected.error: AnalysisError
--@expected.message: PROTOBUF format only supports MAP types with STRING keys
CREATE STREAM numbered (m MAP<INT, INT>) WITH (kafka_topic = 'numbered', value_format = 'PROTOBUF', partitions = 1);
