--@test: WHERE keeps what is true, drops what is false or unknown
CREATE STREAM readings (sensor STRING KEY, celsius DOUBLE, note STRING) WITH (kafka_topic = 'readings', value_format = 'JSON', partitions = 1);
CREATE STREAM hot AS SELECT sensor, celsius, note FROM readings WHERE celsius > 30 AND note IS NULL;
INSERT INTO readings (rowtime, sensor, celsius) VALUES (1, 'roof', 31.5);
INSERT INTO readings (rowtime, sensor, celsius) VALUES (2, 'cellar', 12.0);
INSERT INTO readings (rowtime, sensor) VALUES (3, 'attic');
INSERT INTO readings (rowtime, sensor, celsius, note) VALUES (4, 'roof', 40.0, 'broken');
INSERT INTO readings (rowtime, sensor, celsius) VALUES (5, 'roof', 33.25);
ASSERT STREAM hot (sensor STRING KEY, celsius DOUBLE, note STRING) WITH (kafka_topic = 'HOT', value_format = 'JSON');
ASSERT VALUES hot (rowtime, sensor, celsius) VALUES (1, 'roof', 31.5);
ASSERT VALUES hot (rowtime, sensor, celsius) VALUES (5, 'roof', 33.25);

--@test: a failed ASSERT is told
--@expected.error: java.lang.AssertionError
--@expected.message: Expected record does not match actual
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM b AS SELECT k, v + 1 AS v FROM a;
INSERT INTO a (k, v) VALUES (1, 1);
ASSERT VALUES b (k, v) VALUES (1, 1);

--@test: a source that does not exist is refused
--@expected.message: NOWHERE
CREATE STREAM b AS SELECT * FROM nowhere;
