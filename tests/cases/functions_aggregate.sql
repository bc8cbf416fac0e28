--@test: deviations, correlation, the largest different ones and the first few
CREATE STREAM runs (who STRING KEY, km INT, ms BIGINT) WITH (kafka_topic = 'runs', value_format = 'JSON', partitions = 1);
CREATE TABLE spread AS SELECT who, STDDEV_SAMPLE(km) AS deviation, STDDEV_SAMP(km) AS variance, CORRELATION(km, ms) AS r FROM runs GROUP BY who;
CREATE TABLE best AS SELECT who, TOPKDISTINCT(km, 2) AS two, TOPK(km, ms, 1) AS one, EARLIEST_BY_OFFSET(km, 2) AS first, LATEST_BY_OFFSET(km, 2) AS last, LATEST_BY_OFFSET(ms, false) AS last_ms FROM runs GROUP BY who;
INSERT INTO runs (who, km, ms) VALUES ('a', 2, 20);
INSERT INTO runs (who, km, ms) VALUES ('a', 4, 40);
INSERT INTO runs (who, km) VALUES ('a', 4);
INSERT INTO runs (who, km, ms) VALUES ('a', 6, 60);
ASSERT VALUES spread (who, deviation, variance, r) VALUES ('a', 0.0, 0.0, CAST('NaN' AS DOUBLE));
ASSERT VALUES spread (who, deviation, variance, r) VALUES ('a', 1.4142135623730951, 2.0, 1.0);
ASSERT VALUES spread (who, deviation, variance, r) VALUES ('a', 1.1547005383792515, 1.3333333333333333, 1.0);
ASSERT VALUES spread (who, deviation, variance, r) VALUES ('a', 1.632993161855452, 2.6666666666666665, 1.0);
ASSERT VALUES best (who, two, one, first, last, last_ms) VALUES ('a', ARRAY[2], ARRAY[STRUCT(`sort_col` := 2, `col0` := CAST(20 AS BIGINT))], ARRAY[2], ARRAY[2], 20);
ASSERT VALUES best (who, two, one, first, last, last_ms) VALUES ('a', ARRAY[4, 2], ARRAY[STRUCT(`sort_col` := 4, `col0` := CAST(40 AS BIGINT))], ARRAY[2, 4], ARRAY[2, 4], 40);
ASSERT VALUES best (who, two, one, first, last, last_ms) VALUES ('a', ARRAY[4, 2], ARRAY[STRUCT(`sort_col` := 4, `col0` := CAST(40 AS BIGINT))], ARRAY[2, 4], ARRAY[4, 4], NULL);
ASSERT VALUES best (who, two, one, first, last, last_ms) VALUES ('a', ARRAY[6, 4], ARRAY[STRUCT(`sort_col` := 6, `col0` := CAST(60 AS BIGINT))], ARRAY[2, 4], ARRAY[4, 6], 60);

--@test: aggregates of different values
CREATE STREAM visits (id INT KEY, page STRING, who STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', partitions = 1);
CREATE TABLE pages AS SELECT page, COUNT(DISTINCT who) AS whos, COUNT(DISTINCT who) FILTER (WHERE id > 1) AS later, COLLECT_LIST(DISTINCT who) AS names, MAX(DISTINCT who) AS last FROM visits GROUP BY page;
INSERT INTO visits (rowtime, id, page, who) VALUES (0, 1, '/', 'ann');
INSERT INTO visits (rowtime, id, page, who) VALUES (1, 2, '/', 'bob');
INSERT INTO visits (rowtime, id, page, who) VALUES (2, 3, '/', 'ann');
INSERT INTO visits (rowtime, id, page, who) VALUES (3, 4, '/', 'bob');
ASSERT VALUES pages (rowtime, page, whos, later, names, last) VALUES (0, '/', 1, 0, ARRAY['ann'], 'ann');
ASSERT VALUES pages (rowtime, page, whos, later, names, last) VALUES (1, '/', 2, 1, ARRAY['ann', 'bob'], 'bob');
ASSERT VALUES pages (rowtime, page, whos, later, names, last) VALUES (2, '/', 2, 2, ARRAY['ann', 'bob'], 'bob');
ASSERT VALUES pages (rowtime, page, whos, later, names, last) VALUES (3, '/', 2, 2, ARRAY['ann', 'bob'], 'bob');

--@test: what stands in the row of an extreme, conditions counted, all and any of them
CREATE STREAM sales (id INT KEY, shop STRING, product STRING, price INT, paid BOOLEAN) WITH (kafka_topic = 'sales', value_format = 'JSON', partitions = 1);
CREATE TABLE shops AS SELECT shop, ARG_MAX(product, price) AS dearest, ARG_MIN(product, price) AS cheapest, MAX_BY(id, product) AS last, COUNT_IF(price > 5) AS many, BOOL_AND(paid) AS whole, BOOL_OR(paid) AS some, ANY_VALUE(product) AS one FROM sales GROUP BY shop;
INSERT INTO sales (rowtime, id, shop, product, price, paid) VALUES (0, 1, 'a', 'pen', 3, true);
INSERT INTO sales (rowtime, id, shop, product, price) VALUES (1, 2, 'a', 'ink', 9);
INSERT INTO sales (rowtime, id, shop, product, price, paid) VALUES (2, 3, 'a', 'nib', 9, false);
INSERT INTO sales (rowtime, id, shop, product) VALUES (3, 4, 'a', 'zip');
INSERT INTO sales (rowtime, id, shop, product, price) VALUES (4, 5, 'b', 'cup', 1);
ASSERT VALUES shops (rowtime, shop, dearest, cheapest, last, many, whole, some, one) VALUES (0, 'a', 'pen', 'pen', 1, 0, true, true, 'pen');
ASSERT VALUES shops (rowtime, shop, dearest, cheapest, last, many, whole, some, one) VALUES (1, 'a', 'ink', 'pen', 1, 1, true, true, 'pen');
ASSERT VALUES shops (rowtime, shop, dearest, cheapest, last, many, whole, some, one) VALUES (2, 'a', 'nib', 'pen', 1, 2, false, true, 'pen');
ASSERT VALUES shops (rowtime, shop, dearest, cheapest, last, many, whole, some, one) VALUES (3, 'a', 'nib', 'pen', 4, 2, false, true, 'pen');
ASSERT VALUES shops (rowtime, shop, dearest, cheapest, last, many, whole, some, one) VALUES (4, 'b', 'cup', 'cup', 5, 0, NULL, NULL, 'cup');

--@test: conditions counted over a table, whose rows are taken back
CREATE TABLE users (id INT PRIMARY KEY, city STRING, paid BOOLEAN) WITH (kafka_topic = 'users', value_format = 'JSON', partitions = 1);
CREATE TABLE cities AS SELECT city, COUNT_IF(paid) AS n, BOOL_AND(paid) AS whole, BOOL_OR(paid) AS some FROM users GROUP BY city;
INSERT INTO users (rowtime, id, city, paid) VALUES (0, 1, 'Oslo', true);
INSERT INTO users (rowtime, id, city, paid) VALUES (1, 2, 'Oslo', false);
INSERT INTO users (rowtime, id, city, paid) VALUES (2, 2, 'Oslo', true);
ASSERT VALUES cities (rowtime, city, n, whole, some) VALUES (0, 'Oslo', 1, true, true);
ASSERT VALUES cities (rowtime, city, n, whole, some) VALUES (1, 'Oslo', 1, false, true);
ASSERT VALUES cities (rowtime, city, n, whole, some) VALUES (2, 'Oslo', 2, true, true);
