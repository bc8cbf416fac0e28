--@test: INNER join of tables: a row for keys on both sides, taken back with a tombstone, made again
CREATE TABLE people (id INT PRIMARY KEY, name STRING) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE TABLE cities (id INT PRIMARY KEY, city STRING) WITH (kafka_topic = 'cities', value_format = 'JSON', partitions = 1);
CREATE TABLE lives AS SELECT p.id AS id, p.name AS name, c.city AS city FROM people p JOIN cities c ON p.id = c.id;
INSERT INTO people (rowtime, id, name) VALUES (0, 1, 'ann');
INSERT INTO cities (rowtime, id, city) VALUES (10, 1, 'Rome');
INSERT INTO cities (rowtime, id, city) VALUES (20, 2, 'Bonn');
INSERT INTO people (rowtime, id, name) VALUES (30, 2, 'bob');
INSERT INTO people (rowtime, id, name) VALUES (40, 3, 'cid');
INSERT INTO cities (rowtime, id, city) VALUES (50, 1, 'Oslo');
INSERT INTO people (rowtime, id, name) VALUES (5, 1, 'anna');
ASSERT VALUES lives (rowtime, id, name, city) VALUES (10, 1, 'ann', 'Rome');
ASSERT VALUES lives (rowtime, id, name, city) VALUES (30, 2, 'bob', 'Bonn');
ASSERT VALUES lives (rowtime, id, name, city) VALUES (50, 1, 'ann', 'Oslo');
ASSERT VALUES lives (rowtime, id, name, city) VALUES (50, 1, 'anna', 'Oslo');

--@test: LEFT, RIGHT and FULL joins of tables keep the rows that have no partner
CREATE TABLE l (id INT PRIMARY KEY, x INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE TABLE r (id INT PRIMARY KEY, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE TABLE lefts AS SELECT l.id AS id, l.x AS x, r.y AS y FROM l LEFT JOIN r ON l.id = r.id;
CREATE TABLE rights AS SELECT r.id AS id, l.x AS x, r.y AS y FROM l RIGHT JOIN r ON l.id = r.id;
CREATE TABLE fulls AS SELECT ROWKEY AS id, l.x AS x, r.y AS y FROM l FULL JOIN r ON l.id = r.id;
INSERT INTO l (rowtime, id, x) VALUES (0, 1, 10);
INSERT INTO r (rowtime, id, y) VALUES (1, 2, 20);
INSERT INTO r (rowtime, id, y) VALUES (2, 1, 21);
INSERT INTO l (rowtime, id, x) VALUES (3, 2, 12);
INSERT INTO l (rowtime, id, x) VALUES (4, 3, 13);
ASSERT VALUES lefts (rowtime, id, x) VALUES (0, 1, 10);
ASSERT VALUES lefts (rowtime, id, x, y) VALUES (2, 1, 10, 21);
ASSERT VALUES lefts (rowtime, id, x, y) VALUES (3, 2, 12, 20);
ASSERT VALUES lefts (rowtime, id, x) VALUES (4, 3, 13);
ASSERT VALUES rights (rowtime, id, y) VALUES (1, 2, 20);
ASSERT VALUES rights (rowtime, id, x, y) VALUES (2, 1, 10, 21);
ASSERT VALUES rights (rowtime, id, x, y) VALUES (3, 2, 12, 20);
ASSERT VALUES fulls (rowtime, id, x) VALUES (0, 1, 10);
ASSERT VALUES fulls (rowtime, id, y) VALUES (1, 2, 20);
ASSERT VALUES fulls (rowtime, id, x, y) VALUES (2, 1, 10, 21);
ASSERT VALUES fulls (rowtime, id, x, y) VALUES (3, 2, 12, 20);
ASSERT VALUES fulls (rowtime, id, x) VALUES (4, 3, 13);

--@test: a row that a table's filter lets go leaves the join
CREATE TABLE raw (id INT PRIMARY KEY, x INT) WITH (kafka_topic = 'raw', value_format = 'JSON', partitions = 1);
CREATE TABLE r (id INT PRIMARY KEY, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE TABLE l AS SELECT id, x FROM raw WHERE x > 0;
CREATE TABLE both AS SELECT l.id AS id, l.x AS x, r.y AS y FROM l JOIN r ON l.id = r.id;
INSERT INTO r (rowtime, id, y) VALUES (0, 1, 5);
INSERT INTO raw (rowtime, id, x) VALUES (1, 1, 7);
INSERT INTO raw (rowtime, id, x) VALUES (2, 1, -7);
INSERT INTO raw (rowtime, id, x) VALUES (3, 2, 8);
INSERT INTO r (rowtime, id, y) VALUES (4, 2, 6);
INSERT INTO raw (rowtime, id, x) VALUES (5, 1, 9);
ASSERT VALUES both (rowtime, id, x, y) VALUES (1, 1, 7, 5);
ASSERT NULL VALUES both (id) KEY (1);
ASSERT VALUES both (rowtime, id, x, y) VALUES (4, 2, 8, 6);
ASSERT VALUES both (rowtime, id, x, y) VALUES (5, 1, 9, 5);

--@test: WHERE over a join of tables takes back only what it let through
CREATE TABLE l (id INT PRIMARY KEY, x INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE TABLE r (id INT PRIMARY KEY, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE TABLE both AS SELECT l.id AS id, l.x + r.y AS total FROM l JOIN r ON l.id = r.id WHERE l.x + r.y > 10;
INSERT INTO l (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO r (rowtime, id, y) VALUES (1, 1, 2);
INSERT INTO r (rowtime, id, y) VALUES (2, 1, 20);
INSERT INTO r (rowtime, id, y) VALUES (3, 1, 30);
INSERT INTO l (rowtime, id, x) VALUES (4, 1, -30);
INSERT INTO l (rowtime, id, x) VALUES (5, 1, -31);
ASSERT VALUES both (rowtime, id, total) VALUES (2, 1, 21);
ASSERT VALUES both (rowtime, id, total) VALUES (3, 1, 31);
ASSERT NULL VALUES both (id) KEY (1);

--@test: three tables, and a count over them that takes back
CREATE TABLE a (id INT PRIMARY KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE TABLE b (id INT PRIMARY KEY, y INT) WITH (kafka_topic = 'b', value_format = 'JSON', partitions = 1);
CREATE TABLE c (id INT PRIMARY KEY, z INT) WITH (kafka_topic = 'c', value_format = 'JSON', partitions = 1);
CREATE TABLE abc AS SELECT a.id AS id, a.x AS x, b.y AS y, c.z AS z FROM a JOIN b ON a.id = b.id LEFT JOIN c ON a.id = c.id;
CREATE TABLE counts AS SELECT y, COUNT(*) AS n, SUM(x) AS total FROM abc GROUP BY y;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 100);
INSERT INTO b (rowtime, id, y) VALUES (1, 1, 7);
INSERT INTO c (rowtime, id, z) VALUES (2, 1, 3);
INSERT INTO a (rowtime, id, x) VALUES (3, 2, 200);
INSERT INTO b (rowtime, id, y) VALUES (4, 2, 7);
INSERT INTO b (rowtime, id, y) VALUES (5, 1, 8);
INSERT INTO a (rowtime, id, x) VALUES (6, 2, 201);
ASSERT VALUES abc (rowtime, id, x, y) VALUES (1, 1, 100, 7);
ASSERT VALUES abc (rowtime, id, x, y, z) VALUES (2, 1, 100, 7, 3);
ASSERT VALUES abc (rowtime, id, x, y) VALUES (4, 2, 200, 7);
ASSERT VALUES abc (rowtime, id, x, y, z) VALUES (5, 1, 100, 8, 3);
ASSERT VALUES abc (rowtime, id, x, y) VALUES (6, 2, 201, 7);
ASSERT VALUES counts (y, n, total) VALUES (7, 1, 100);
ASSERT VALUES counts (y, n, total) VALUES (7, 1, 100);
ASSERT VALUES counts (y, n, total) VALUES (7, 2, 300);
ASSERT VALUES counts (y, n, total) VALUES (7, 1, 200);
ASSERT VALUES counts (y, n, total) VALUES (8, 1, 100);
ASSERT VALUES counts (y, n, total) VALUES (7, 1, 201);

--@test: a table joined with itself, and on several columns
CREATE TABLE t (id INT PRIMARY KEY, x INT, y INT) WITH (kafka_topic = 't', value_format = 'JSON', partitions = 1);
CREATE TABLE same AS SELECT a.id AS id, a.x AS x, b.y AS y FROM t a JOIN t b ON a.x = b.y AND a.id = b.id;
INSERT INTO t (rowtime, id, x, y) VALUES (0, 1, 7, 7);
INSERT INTO t (rowtime, id, x, y) VALUES (1, 2, 7, 8);
ASSERT VALUES same (rowtime, id, x, y) VALUES (0, 1, 7, 7);

--@test: LEFT and RIGHT joins of tables: a key's row stands alone while what else ON says does not hold
CREATE TABLE l (id INT PRIMARY KEY, x INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE TABLE r (id INT PRIMARY KEY, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE TABLE lefts AS SELECT l.id AS id, l.x AS x, r.y AS y FROM l LEFT JOIN r ON l.id = r.id AND l.x = r.y;
CREATE TABLE rights AS SELECT r.id AS id, l.x AS x, r.y AS y FROM l RIGHT JOIN r ON l.id = r.id AND l.x > 10;
INSERT INTO l (rowtime, id, x) VALUES (0, 1, 10);
INSERT INTO r (rowtime, id, y) VALUES (1, 1, 10);
INSERT INTO r (rowtime, id, y) VALUES (2, 1, 11);
INSERT INTO l (rowtime, id, x) VALUES (3, 1, 11);
INSERT INTO l (rowtime, id) VALUES (4, 1);
ASSERT VALUES lefts (rowtime, id, x) VALUES (0, 1, 10);
ASSERT VALUES lefts (rowtime, id, x, y) VALUES (1, 1, 10, 10);
ASSERT VALUES lefts (rowtime, id, x) VALUES (2, 1, 10);
ASSERT VALUES lefts (rowtime, id, x, y) VALUES (3, 1, 11, 11);
ASSERT VALUES lefts (rowtime, id) VALUES (4, 1);
ASSERT VALUES rights (rowtime, id, y) VALUES (1, 1, 10);
ASSERT VALUES rights (rowtime, id, y) VALUES (2, 1, 11);
ASSERT VALUES rights (rowtime, id, x, y) VALUES (3, 1, 11, 11);
ASSERT VALUES rights (rowtime, id, y) VALUES (4, 1, 11);
