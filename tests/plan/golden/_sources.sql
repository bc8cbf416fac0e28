-- The streams and tables that every case here may read.
CREATE STREAM clicks (id INT KEY, url STRING, spent BIGINT, tags ARRAY<STRING>, place STRUCT<city STRING, zip STRING>)
  WITH (kafka_topic = 'clicks', value_format = 'JSON', partitions = 1);
CREATE STREAM plain (url STRING, spent BIGINT)
  WITH (kafka_topic = 'plain', value_format = 'JSON', partitions = 1);
CREATE STREAM pairs (a INT KEY, b INT KEY, v INT)
  WITH (kafka_topic = 'pairs', format = 'JSON', partitions = 1);
CREATE TABLE users (id INT PRIMARY KEY, city STRING, age INT)
  WITH (kafka_topic = 'users', value_format = 'JSON', partitions = 1);
CREATE TABLE cities (name STRING PRIMARY KEY, land STRING)
  WITH (kafka_topic = 'cities', value_format = 'JSON', partitions = 1);
CREATE STREAM counted (id INT KEY, n BIGINT)
  WITH (kafka_topic = 'counted', value_format = 'JSON', window_type = 'TUMBLING', window_size = '1 MINUTE', partitions = 1);
CREATE STREAM raw (id INT KEY, v INT)
  WITH (kafka_topic = 'raw', value_format = 'KAFKA', partitions = 1);
