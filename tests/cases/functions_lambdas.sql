--@test: TRANSFORM, FILTER and REDUCE over arrays and maps, one inside another
CREATE STREAM carts (id INT KEY, prices ARRAY<INT>, counts MAP<STRING, INT>, rows ARRAY<ARRAY<INT>>) WITH (kafka_topic = 'carts', value_format = 'JSON', partitions = 1);
CREATE STREAM arrays AS SELECT id, TRANSFORM(prices, p => p * id) AS scaled, FILTER(prices, p => p > 10) AS dear, REDUCE(prices, 100, (sum, p) => sum + p) AS total, TRANSFORM(rows, r => REDUCE(r, 0, (sum, x) => sum + x)) AS sums FROM carts;
CREATE STREAM maps AS SELECT id, TRANSFORM(counts, (k, v) => UCASE(k), (k, v) => v + LEN(k)) AS shouted, FILTER(counts, (k, v) => v > 1 AND k <> 'c') AS many, REDUCE(counts, 0, (sum, k, v) => sum + v) AS all_of_them FROM carts;
INSERT INTO carts (id, prices, counts, rows) VALUES (2, ARRAY[5, 20], MAP('a' := 1, 'bb' := 2), ARRAY[ARRAY[1, 2], ARRAY[3]]);
INSERT INTO carts (id) VALUES (3);
ASSERT VALUES arrays (id, scaled, dear, total, sums) VALUES (2, ARRAY[10, 40], ARRAY[20], 125, ARRAY[3, 3]);
ASSERT VALUES arrays (id, total) VALUES (3, 100);
ASSERT VALUES maps (id, shouted, many, all_of_them) VALUES (2, MAP('A' := 2, 'BB' := 4), MAP('bb' := 2), 3);
ASSERT VALUES maps (id, all_of_them) VALUES (3, 0);

--@test: REDUCE becomes what its lambda gives, where that is wider than what it begins with
CREATE STREAM lists (id INT KEY, d ARRAY<DOUBLE>, b ARRAY<BIGINT>, e ARRAY<DECIMAL(4, 2)>) WITH (kafka_topic = 'lists', value_format = 'JSON', partitions = 1);
CREATE STREAM sums AS SELECT id, REDUCE(d, 0, (s, x) => s + x) AS d, REDUCE(b, 0, (s, x) => s + x) AS b, REDUCE(d, 0.0, (s, x) => s + x * 2) AS twice, CAST(REDUCE(e, 0, (s, x) => s + x) AS STRING) AS e FROM lists;
INSERT INTO lists (id, d, b, e) VALUES (1, ARRAY[1.5, 2.0], ARRAY[9000000000, 1], ARRAY[1.25, 2.50]);
ASSERT VALUES sums (id, d, b, twice, e) VALUES (1, 3.5, 9000000001, 7.0, '3.75');

--@test: TRANSFORM and FILTER give no map that holds NULL, but NULL itself, as ksqlDB's do
CREATE STREAM maps (id INT KEY, m MAP<STRING, INT>) WITH (kafka_topic = 'maps', value_format = 'JSON', partitions = 1);
CREATE STREAM made AS SELECT id, TRANSFORM(m, (k, v) => UCASE(k), (k, v) => v) AS all_of, FILTER(m, (k, v) => k <> 'b') AS without_b FROM maps;
INSERT INTO maps (id, m) VALUES (1, MAP('a' := 1, 'b' := NULL));
INSERT INTO maps (id, m) VALUES (2, MAP('a' := NULL, 'b' := 2));
INSERT INTO maps (id, m) VALUES (3, MAP('a' := 1));
INSERT INTO maps (id, m) VALUES (4, MAP());
INSERT INTO maps (id, m) VALUES (5, NULL);
ASSERT VALUES made (id, without_b) VALUES (1, MAP('a' := 1));
ASSERT VALUES made (id) VALUES (2);
ASSERT VALUES made (id, all_of, without_b) VALUES (3, MAP('A' := 1), MAP('a' := 1));
ASSERT VALUES made (id, all_of, without_b) VALUES (4, MAP(), MAP());
ASSERT VALUES made (id) VALUES (5);
