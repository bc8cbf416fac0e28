--@test: DATE: text is one where one is wanted; days since 1970 lie in the topic
CREATE STREAM days (id INT KEY, day DATE) WITH (kafka_topic = 'days', value_format = 'JSON', partitions = 1);
CREATE STREAM raw (id INT KEY, day INT) WITH (kafka_topic = 'days', value_format = 'JSON', partitions = 1);
CREATE STREAM compared AS SELECT id, day > '2024-02-28' AS late, CAST(day AS STRING) AS text, CAST(day AS TIMESTAMP) AS midnight, DATEADD(DAYS, 1, day) AS next FROM days;
CREATE STREAM numbers AS SELECT id, day FROM raw;
INSERT INTO days (id, day) VALUES (1, '2024-02-29');
INSERT INTO days (id, day) VALUES (2, '1969-12-31');
INSERT INTO days (id) VALUES (3);
ASSERT VALUES compared (id, late, text, midnight, next) VALUES (1, true, '2024-02-29', '2024-02-29T00:00:00.000', '2024-03-01');
ASSERT VALUES compared (id, late, text, midnight, next) VALUES (2, false, '1969-12-31', '1969-12-31T00:00:00.000', '1970-01-01');
ASSERT VALUES compared (id, late) VALUES (3, false);
ASSERT VALUES numbers (id, day) VALUES (1, 19782);
ASSERT VALUES numbers (id, day) VALUES (2, -1);
ASSERT VALUES numbers (id) VALUES (3);
