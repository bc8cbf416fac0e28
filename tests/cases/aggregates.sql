--@test: COUNT, SUM, AVG, MIN and MAX pass over NULLs; COUNT(*) does not
CREATE STREAM sales (shop STRING KEY, amount INT) WITH (kafka_topic = 'sales', value_format = 'JSON', partitions = 1);
CREATE TABLE totals AS SELECT shop, COUNT(*) AS n, COUNT(amount) AS known, SUM(amount) AS total, AVG(amount) AS mean, MIN(amount) AS low, MAX(amount) AS high FROM sales GROUP BY shop;
INSERT INTO sales (shop, amount) VALUES ('a', 4);
INSERT INTO sales (shop) VALUES ('a');
INSERT INTO sales (shop, amount) VALUES ('b', 10);
INSERT INTO sales (shop, amount) VALUES ('a', -1);
ASSERT TABLE totals (shop STRING PRIMARY KEY, n BIGINT, known BIGINT, total INT, mean DOUBLE, low INT, high INT) WITH (kafka_topic = 'TOTALS', value_format = 'JSON');
ASSERT VALUES totals (shop, n, known, total, mean, low, high) VALUES ('a', 1, 1, 4, 4.0, 4, 4);
ASSERT VALUES totals (shop, n, known, total, mean, low, high) VALUES ('a', 2, 1, 4, 4.0, 4, 4);
ASSERT VALUES totals (shop, n, known, total, mean, low, high) VALUES ('b', 1, 1, 10, 10.0, 10, 10);
ASSERT VALUES totals (shop, n, known, total, mean, low, high) VALUES ('a', 3, 2, 3, 1.5, -1, 4);

--@test: COUNT_DISTINCT, COLLECT_LIST, COLLECT_SET, TOPK and HISTOGRAM
CREATE STREAM visits (page STRING KEY, who STRING, ms INT) WITH (kafka_topic = 'visits', value_format = 'JSON', partitions = 1);
CREATE TABLE pages AS SELECT page, COUNT_DISTINCT(who) AS people, COLLECT_LIST(ms) AS times, COLLECT_SET(who) AS names, TOPK(ms, 2) AS slowest, HISTOGRAM(who) AS often FROM visits GROUP BY page;
INSERT INTO visits (page, who, ms) VALUES ('home', 'ann', 30);
INSERT INTO visits (page, who, ms) VALUES ('home', 'bob', 10);
INSERT INTO visits (page, who, ms) VALUES ('home', 'ann', 20);
ASSERT VALUES pages (page, people, times, names, slowest, often) VALUES ('home', 1, ARRAY[30], ARRAY['ann'], ARRAY[30], MAP('ann' := CAST(1 AS BIGINT)));
ASSERT VALUES pages (page, people, times, names, slowest, often) VALUES ('home', 2, ARRAY[30, 10], ARRAY['ann', 'bob'], ARRAY[30, 10], MAP('ann' := CAST(1 AS BIGINT), 'bob' := CAST(1 AS BIGINT)));
ASSERT VALUES pages (page, people, times, names, slowest, often) VALUES ('home', 2, ARRAY[30, 10, 20], ARRAY['ann', 'bob'], ARRAY[30, 20], MAP('ann' := CAST(2 AS BIGINT), 'bob' := CAST(1 AS BIGINT)));

--@test: EARLIEST_BY_OFFSET and LATEST_BY_OFFSET pass over NULLs
CREATE STREAM states (device INT KEY, state STRING) WITH (kafka_topic = 'states', value_format = 'JSON', partitions = 1);
CREATE TABLE seen AS SELECT device, EARLIEST_BY_OFFSET(state) AS first, LATEST_BY_OFFSET(state) AS last FROM states GROUP BY device;
INSERT INTO states (device, state) VALUES (1, 'on');
INSERT INTO states (device, state) VALUES (1, 'off');
INSERT INTO states (device) VALUES (1);
ASSERT VALUES seen (device, first, last) VALUES (1, 'on', 'on');
ASSERT VALUES seen (device, first, last) VALUES (1, 'on', 'off');
ASSERT VALUES seen (device, first, last) VALUES (1, 'on', 'off');

--@test: GROUP BY any expressions; rows whose group is NULL are left out
CREATE STREAM words (id INT KEY, w STRING, n INT) WITH (kafka_topic = 'words', value_format = 'JSON', partitions = 1);
CREATE TABLE lengths AS SELECT LEN(w) AS l, COUNT(*) AS c, SUM(n) AS s FROM words GROUP BY LEN(w);
INSERT INTO words (id, w, n) VALUES (1, 'one', 1);
INSERT INTO words (id, n) VALUES (2, 2);
INSERT INTO words (id, w, n) VALUES (3, 'two', 3);
INSERT INTO words (id, w, n) VALUES (4, 'three', 4);
ASSERT VALUES lengths (l, c, s) VALUES (3, 1, 1);
ASSERT VALUES lengths (l, c, s) VALUES (3, 2, 4);
ASSERT VALUES lengths (l, c, s) VALUES (5, 1, 4);

--@test: HAVING shows a group once it passes and takes it away when it does no longer
CREATE STREAM moves (account STRING KEY, amount INT) WITH (kafka_topic = 'moves', value_format = 'JSON', partitions = 1);
CREATE TABLE rich AS SELECT account, SUM(amount) AS total FROM moves GROUP BY account HAVING SUM(amount) > 100;
INSERT INTO moves (account, amount) VALUES ('x', 60);
INSERT INTO moves (account, amount) VALUES ('x', 60);
INSERT INTO moves (account, amount) VALUES ('x', -50);
INSERT INTO moves (account, amount) VALUES ('x', 40);
ASSERT VALUES rich (account, total) VALUES ('x', 120);
ASSERT TOMBSTONE rich (account) KEY ('x');
ASSERT VALUES rich (account, total) VALUES ('x', 110);

--@test: a table of a table takes away what an updated row added
CREATE TABLE users (id INT PRIMARY KEY, city STRING) WITH (kafka_topic = 'users', value_format = 'JSON', partitions = 1);
CREATE TABLE cities AS SELECT city, COUNT(*) AS n FROM users GROUP BY city;
INSERT INTO users (id, city) VALUES (1, 'Oslo');
INSERT INTO users (id, city) VALUES (2, 'Oslo');
INSERT INTO users (id, city) VALUES (1, 'Rome');
ASSERT VALUES cities (city, n) VALUES ('Oslo', 1);
ASSERT VALUES cities (city, n) VALUES ('Oslo', 2);
ASSERT VALUES cities (city, n) VALUES ('Oslo', 1);
ASSERT VALUES cities (city, n) VALUES ('Rome', 1);

--@test: percentiles of several shares, exact ones, and the most frequent values
CREATE STREAM calls (id INT KEY, page STRING, ms INT) WITH (kafka_topic = 'calls', value_format = 'JSON', partitions = 1);
CREATE TABLE told AS
  SELECT id, MEDIAN(ms) AS median, PERCENTILE(ms, ARRAY[0, 0.25]) AS shares, ARRAY_LENGTH(APPROX_PERCENTILE(ms, ARRAY[0.5, 0.9, 0.99])) AS about,
         TOPKCOUNT(page, 2) AS pages, TOPKCOUNT(page, 1)[1]->value AS first
  FROM calls GROUP BY id;
CREATE TABLE newest (id INT PRIMARY KEY, team STRING, ms INT) WITH (kafka_topic = 'newest', value_format = 'JSON', partitions = 1);
CREATE TABLE teams AS SELECT team, MEDIAN(ms) AS median FROM newest GROUP BY team;
INSERT INTO calls (id, page, ms) VALUES (1, 'a', 100);
INSERT INTO calls (id, page, ms) VALUES (1, 'b', 200);
INSERT INTO calls (id, page, ms) VALUES (1, 'b', NULL);
INSERT INTO newest (id, team, ms) VALUES (1, 'x', 10);
INSERT INTO newest (id, team, ms) VALUES (2, 'x', 20);
INSERT INTO newest (id, team, ms) VALUES (1, 'x', 30);
ASSERT VALUES told (id, median, shares, about, pages, first) VALUES (1, 100.0, ARRAY[100.0, 100.0], 3, ARRAY[STRUCT(value := 'a', count := 1)], 'a');
ASSERT VALUES told (id, median, shares, about, pages, first)
  VALUES (1, 150.0, ARRAY[100.0, 125.0], 3, ARRAY[STRUCT(value := 'a', count := 1), STRUCT(value := 'b', count := 1)], 'a');
ASSERT VALUES told (id, median, shares, about, pages, first)
  VALUES (1, 150.0, ARRAY[100.0, 125.0], 3, ARRAY[STRUCT(value := 'b', count := 2), STRUCT(value := 'a', count := 1)], 'b');
ASSERT VALUES teams (team, median) VALUES ('x', 10.0);
ASSERT VALUES teams (team, median) VALUES ('x', 15.0);
ASSERT VALUES teams (team, median) VALUES ('x', 25.0);

--@test: APPROX_COUNT_DISTINCT and APPROX_PERCENTILE, also over a table whose rows change
CREATE STREAM calls (id INT KEY, who STRING, ms INT) WITH (kafka_topic = 'calls', value_format = 'JSON', partitions = 1);
CREATE TABLE about AS SELECT id, APPROX_COUNT_DISTINCT(who) AS people, APPROX_PERCENTILE(ms, 1) > 99 AND APPROX_PERCENTILE(ms, 1) < 101 AS slow FROM calls GROUP BY id;
CREATE TABLE newest (id INT PRIMARY KEY, team STRING, ms INT) WITH (kafka_topic = 'newest', value_format = 'JSON', partitions = 1);
CREATE TABLE teams AS SELECT team, CAST(ROUND(APPROX_PERCENTILE(ms, 0.5) / 10) AS INT) AS tens FROM newest GROUP BY team;
INSERT INTO calls (id, who, ms) VALUES (1, 'a', 100);
INSERT INTO calls (id, who, ms) VALUES (1, 'b', 7);
INSERT INTO calls (id, who) VALUES (1, 'a');
INSERT INTO newest (id, team, ms) VALUES (1, 'x', 1000);
INSERT INTO newest (id, team, ms) VALUES (1, 'x', 50);
INSERT INTO newest (id, team) VALUES (1, 'x');
ASSERT VALUES about (id, people, slow) VALUES (1, 1, true);
ASSERT VALUES about (id, people, slow) VALUES (1, 2, true);
ASSERT VALUES about (id, people, slow) VALUES (1, 2, true);
ASSERT VALUES teams (team, tens) VALUES ('x', 100);
ASSERT VALUES teams (team, tens) VALUES ('x', 5);
ASSERT VALUES teams (team, tens) VALUES ('x', NULL);

--@test: FILTER gives an aggregate the rows of its condition only
CREATE STREAM orders (who STRING KEY, amount INT, kind STRING) WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 1);
CREATE TABLE sums AS
  SELECT who, COUNT(*) AS n, COUNT(*) FILTER (WHERE kind = 'web') AS web, SUM(amount) FILTER (WHERE kind = 'web' AND amount > 1) AS total,
         LATEST_BY_OFFSET(amount) FILTER (WHERE kind <> 'web') AS other
  FROM orders GROUP BY who HAVING COUNT(*) FILTER (WHERE amount IS NULL) = 0;
INSERT INTO orders (who, amount, kind) VALUES ('ann', 1, 'web');
INSERT INTO orders (who, amount, kind) VALUES ('ann', 5, 'web');
INSERT INTO orders (who, amount, kind) VALUES ('ann', 7, 'shop');
INSERT INTO orders (who, amount) VALUES ('ann', 9);
INSERT INTO orders (who, kind) VALUES ('bob', 'web');
ASSERT VALUES sums (who, n, web, total, other) VALUES ('ann', 1, 1, 0, NULL);
ASSERT VALUES sums (who, n, web, total, other) VALUES ('ann', 2, 2, 5, NULL);
ASSERT VALUES sums (who, n, web, total, other) VALUES ('ann', 3, 2, 5, 7);
ASSERT VALUES sums (who, n, web, total, other) VALUES ('ann', 4, 2, 5, 7);
