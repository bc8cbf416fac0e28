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
