--@test: CREATE STREAM: keys first, formats by default, its time from a column
SET 'ksql.persistence.default.format.value' = 'JSON';
CREATE STREAM visits (page STRING, at STRING, who STRING KEY) WITH (kafka_topic = 'visits', partitions = 1, timestamp = 'at', timestamp_format = 'yyyy-MM-dd HH:mm:ss');
CREATE STREAM seen AS SELECT who, page FROM visits;
INSERT INTO visits (who, page, at) VALUES ('ann', 'home', '2024-03-01 00:00:01');
INSERT INTO visits (who, page, at) VALUES ('bob', 'home', 'late');
INSERT INTO visits (who, page, at) VALUES ('cid', 'help', '1970-01-01 00:00:00');
ASSERT STREAM visits (who STRING KEY, page STRING, at STRING) WITH (kafka_topic = 'visits', key_format = 'KAFKA', value_format = 'JSON', timestamp = 'AT', timestamp_format = 'yyyy-MM-dd HH:mm:ss');
ASSERT VALUES seen (rowtime, who, page) VALUES (1709251201000, 'ann', 'home');
ASSERT VALUES seen (rowtime, who, page) VALUES (0, 'cid', 'help');

--@test: CREATE STREAM IF NOT EXISTS leaves what is there
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM IF NOT EXISTS a (k INT KEY, other STRING) WITH (kafka_topic = 'b', value_format = 'JSON', partitions = 1);
ASSERT STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON');

--@test: CREATE STREAM: two of one name are refused
--@expected.error: Conflict
--@expected.message: a stream with the same name already exists
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);

--@test: CREATE OR REPLACE STREAM may add columns at the end
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE OR REPLACE STREAM a (k INT KEY, v INT, w STRING) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
ASSERT STREAM a (k INT KEY, v INT, w STRING) WITH (kafka_topic = 'a', value_format = 'JSON');

--@test: CREATE OR REPLACE STREAM may not change a column
--@expected.error: Conflict
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE OR REPLACE STREAM a (k INT KEY, v STRING) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);

--@test: CREATE SOURCE STREAM reads and takes no inserts
--@expected.error: AnalysisError
--@expected.message: read-only
CREATE SOURCE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
INSERT INTO a (k, v) VALUES (1, 1);

--@test: CREATE STREAM: two columns of the same headers are refused
--@expected.message: column H2 has headers that another column has
CREATE STREAM heads (k INT KEY, v INT, h1 BYTES HEADER('a'), h2 BYTES HEADER('a')) WITH (kafka_topic = 'heads', value_format = 'JSON', partitions = 1);

--@test: CREATE STREAM: two columns of all HEADERS are refused
--@expected.message: column H2 has headers that another column has
CREATE STREAM heads (k INT KEY, v INT, h1 ARRAY<STRUCT<key STRING, value BYTES>> HEADERS, h2 ARRAY<STRUCT<key STRING, value BYTES>> HEADERS) WITH (kafka_topic = 'heads', value_format = 'JSON', partitions = 1);
