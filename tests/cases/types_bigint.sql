--@test: BIGINT wraps around at 64 bits; text and DOUBLE are cast into it
CREATE STREAM longs (id INT KEY, n BIGINT, t STRING, d DOUBLE) WITH (kafka_topic = 'longs', value_format = 'JSON', partitions = 1);
CREATE STREAM sums AS SELECT id, n + 1 AS next, n - 1 AS before, CAST(t AS BIGINT) AS read, CAST(d AS BIGINT) AS cut, CAST(n AS INT) AS narrow, CAST(n AS STRING) AS text, n BETWEEN 0 AND 5000000000 AS near FROM longs;
INSERT INTO longs (id, n, t, d) VALUES (1, 9223372036854775807, '4000000000', 2.9);
INSERT INTO longs (id, n, t, d) VALUES (2, 4294967297, '4.5', -2.9);
INSERT INTO longs (id) VALUES (3);
ASSERT VALUES sums (id, next, before, read, cut, narrow, text, near) VALUES (1, -9223372036854775808, 9223372036854775806, 4000000000, 2, -1, '9223372036854775807', false);
ASSERT VALUES sums (id, next, before, cut, narrow, text, near) VALUES (2, 4294967298, 4294967296, -2, 1, '4294967297', true);
ASSERT VALUES sums (id, near) VALUES (3, false);
