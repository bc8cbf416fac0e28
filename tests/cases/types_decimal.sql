--@test: DECIMAL: digits of sums, products and quotients; casts round half up
CREATE STREAM prices (id INT KEY, p DECIMAL(5, 2), q DECIMAL(4, 1)) WITH (kafka_topic = 'prices', value_format = 'JSON', partitions = 1);
CREATE STREAM sums AS SELECT id, p + q AS s, p - q AS d, p * q AS m, p / q AS o, p % q AS r, CAST(p AS DECIMAL(4, 1)) AS short, CAST(p AS INT) AS whole, CAST(p AS STRING) AS text, p > 10.505 AS above FROM prices;
INSERT INTO prices (id, p, q) VALUES (1, 10.55, 2.0);
INSERT INTO prices (id, p, q) VALUES (2, -0.05, 3.0);
INSERT INTO prices (id, p) VALUES (3, 999.99);
ASSERT STREAM sums (id INT KEY, s DECIMAL(6, 2), d DECIMAL(6, 2), m DECIMAL(10, 3), o DECIMAL(11, 7), r DECIMAL(5, 2), short DECIMAL(4, 1), whole INT, text STRING, above BOOLEAN) WITH (kafka_topic = 'SUMS', value_format = 'JSON');
ASSERT VALUES sums (id, s, d, m, o, r, short, whole, text, above) VALUES (1, 12.55, 8.55, 21.100, 5.2750000, 0.55, 10.6, 10, '10.55', true);
ASSERT VALUES sums (id, s, d, m, o, r, short, whole, text, above) VALUES (2, 2.95, -3.05, -0.150, -0.0166667, -0.05, -0.1, 0, '-0.05', false);
ASSERT VALUES sums (id, whole, text, above) VALUES (3, 999, '999.99', true);

--@test: DECIMAL: a literal with more digits than the column is refused
--@expected.message: 12345.6 does not fit DECIMAL(3, 2)
CREATE STREAM prices (id INT KEY, p DECIMAL(3, 2)) WITH (kafka_topic = 'prices', value_format = 'JSON', partitions = 1);
INSERT INTO prices (id, p) VALUES (1, 12345.6);
