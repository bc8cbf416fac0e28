--@test: DOUBLE: fractions, whole results, powers of ten as text, and no number at all
CREATE STREAM readings (id INT KEY, d DOUBLE, t STRING) WITH (kafka_topic = 'readings', value_format = 'JSON', partitions = 1);
CREATE STREAM sums AS SELECT id, d + 0.5 AS more, d / 2 AS half, d % 2 AS rest, CAST(t AS DOUBLE) AS read, CAST(d AS STRING) AS text, CAST(d AS DECIMAL(6, 1)) AS dec, 1e3 AS thousand FROM readings;
INSERT INTO readings (id, d, t) VALUES (1, 7.25, '1e-3');
INSERT INTO readings (id, d, t) VALUES (2, -0.75, 'many');
INSERT INTO readings (id) VALUES (3);
ASSERT VALUES sums (id, more, half, rest, read, text, dec, thousand) VALUES (1, 7.75, 3.625, 1.25, 0.001, '7.25', 7.3, 1000.0);
ASSERT VALUES sums (id, more, half, rest, text, dec, thousand) VALUES (2, -0.25, -0.375, -0.75, '-0.75', -0.8, 1000.0);
ASSERT VALUES sums (id, thousand) VALUES (3, 1000.0);
