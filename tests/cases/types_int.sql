--@test: INT wraps around, divides to whole numbers, and widens to what it stands beside
CREATE STREAM ints (id INT KEY, i INT, d DOUBLE) WITH (kafka_topic = 'ints', value_format = 'JSON', partitions = 1);
CREATE STREAM sums AS SELECT id, i + 1 AS next, i * 2 AS twice, i / 2 AS half, i % 3 AS rest, -i AS less, i + 1.5 AS dec, i + CAST(1 AS BIGINT) AS big, i * d AS dbl FROM ints;
INSERT INTO ints (id, i, d) VALUES (1, 2147483647, 0.5);
INSERT INTO ints (id, i, d) VALUES (2, -7, 2.0);
INSERT INTO ints (id) VALUES (3);
ASSERT STREAM sums (id INT KEY, next INT, twice INT, half INT, rest INT, less INT, dec DECIMAL(12, 1), big BIGINT, dbl DOUBLE) WITH (kafka_topic = 'SUMS', value_format = 'JSON');
ASSERT VALUES sums (id, next, twice, half, rest, less, dec, big, dbl) VALUES (1, -2147483648, -2, 1073741823, 1, -2147483647, 2147483648.5, 2147483648, 1073741823.5);
ASSERT VALUES sums (id, next, twice, half, rest, less, dec, big, dbl) VALUES (2, -6, -14, -3, -1, 7, -5.5, -6, -14.0);
ASSERT VALUES sums (id) VALUES (3);
