--@test: two table functions walk side by side; the shorter ends in NULLs
CREATE STREAM orders (id INT KEY, items ARRAY<STRING>, prices ARRAY<INT>) WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 1);
CREATE STREAM lines AS SELECT id, EXPLODE(items) AS item, EXPLODE(prices) AS price FROM orders;
INSERT INTO orders (id, items, prices) VALUES (1, ARRAY['tea', 'milk'], ARRAY[4, 2, 9]);
INSERT INTO orders (id, items) VALUES (2, ARRAY['rye']);
INSERT INTO orders (id) VALUES (3);
ASSERT VALUES lines (id, item, price) VALUES (1, 'tea', 4);
ASSERT VALUES lines (id, item, price) VALUES (1, 'milk', 2);
ASSERT VALUES lines (id, price) VALUES (1, 9);
ASSERT VALUES lines (id, item) VALUES (2, 'rye');

--@test: CUBE_EXPLODE gives every way to leave columns out
CREATE STREAM sales (id INT KEY, city STRING, state STRING) WITH (kafka_topic = 'sales', value_format = 'JSON', partitions = 1);
CREATE STREAM cubes AS SELECT id, CUBE_EXPLODE(ARRAY[city, state]) AS g FROM sales;
INSERT INTO sales (id, city, state) VALUES (1, 'Bonn', 'NW');
INSERT INTO sales (id, city) VALUES (2, 'Oslo');
ASSERT VALUES cubes (id, g) VALUES (1, ARRAY[CAST(NULL AS STRING), CAST(NULL AS STRING)]);
ASSERT VALUES cubes (id, g) VALUES (1, ARRAY[CAST(NULL AS STRING), 'NW']);
ASSERT VALUES cubes (id, g) VALUES (1, ARRAY['Bonn', CAST(NULL AS STRING)]);
ASSERT VALUES cubes (id, g) VALUES (1, ARRAY['Bonn', 'NW']);
ASSERT VALUES cubes (id, g) VALUES (2, ARRAY[CAST(NULL AS STRING), CAST(NULL AS STRING)]);
ASSERT VALUES cubes (id, g) VALUES (2, ARRAY['Oslo', CAST(NULL AS STRING)]);

--@test: CUBE_EXPLODE of no element is one row, of more than 20 none: a million rows are the most
CREATE STREAM lists (id INT KEY, a ARRAY<INT>) WITH (kafka_topic = 'lists', value_format = 'JSON', partitions = 1);
CREATE STREAM cubes AS SELECT id, ARRAY_LENGTH(a) AS n, CUBE_EXPLODE(a) AS g FROM lists;
INSERT INTO lists (id, a) VALUES (1, ARRAY[]);
INSERT INTO lists (id, a) VALUES (2, GENERATE_SERIES(1, 40));
INSERT INTO lists (id, a) VALUES (3, NULL);
INSERT INTO lists (id, a) VALUES (4, ARRAY[7]);
ASSERT VALUES cubes (id, n, g) VALUES (1, 0, ARRAY[]);
ASSERT VALUES cubes (id, n, g) VALUES (4, 1, ARRAY[CAST(NULL AS INT)]);
ASSERT VALUES cubes (id, n, g) VALUES (4, 1, ARRAY[7]);
