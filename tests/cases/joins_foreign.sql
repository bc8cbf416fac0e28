--@test: a foreign key: changes of the one side reach all rows that name it
CREATE TABLE people (id INT PRIMARY KEY, name STRING, city INT) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE TABLE cities (id INT PRIMARY KEY, city STRING) WITH (kafka_topic = 'cities', value_format = 'JSON', partitions = 1);
CREATE TABLE lives AS SELECT p.id AS id, p.name AS name, c.city AS city FROM people p JOIN cities c ON p.city = c.id;
INSERT INTO people (rowtime, id, name, city) VALUES (0, 1, 'ann', 7);
INSERT INTO cities (rowtime, id, city) VALUES (1, 7, 'Rome');
INSERT INTO people (rowtime, id, name, city) VALUES (2, 2, 'bob', 7);
INSERT INTO cities (rowtime, id, city) VALUES (3, 8, 'Bonn');
INSERT INTO cities (rowtime, id, city) VALUES (4, 7, 'Roma');
INSERT INTO people (rowtime, id, name, city) VALUES (5, 1, 'ann', 8);
INSERT INTO cities (rowtime, id, city) VALUES (6, 7, 'ROMA');
INSERT INTO people (rowtime, id, name, city) VALUES (7, 2, 'bob', 9);
ASSERT VALUES lives (rowtime, id, name, city) VALUES (1, 1, 'ann', 'Rome');
ASSERT VALUES lives (rowtime, id, name, city) VALUES (2, 2, 'bob', 'Rome');
ASSERT VALUES lives (rowtime, id, name, city) VALUES (4, 1, 'ann', 'Roma');
ASSERT VALUES lives (rowtime, id, name, city) VALUES (4, 2, 'bob', 'Roma');
ASSERT VALUES lives (rowtime, id, name, city) VALUES (5, 1, 'ann', 'Bonn');
ASSERT VALUES lives (rowtime, id, name, city) VALUES (6, 2, 'bob', 'ROMA');
ASSERT NULL VALUES lives (id) KEY (2);

--@test: a LEFT join on a foreign key keeps rows that name nothing
CREATE TABLE people (id INT PRIMARY KEY, name STRING, city INT) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE TABLE cities (id INT PRIMARY KEY, city STRING) WITH (kafka_topic = 'cities', value_format = 'JSON', partitions = 1);
CREATE TABLE lives AS SELECT p.id AS id, p.name AS name, c.city AS city FROM people p LEFT JOIN cities c ON p.city = c.id;
INSERT INTO people (rowtime, id, name, city) VALUES (0, 1, 'ann', 7);
INSERT INTO people (rowtime, id, name) VALUES (1, 2, 'bob');
INSERT INTO cities (rowtime, id, city) VALUES (2, 7, 'Rome');
INSERT INTO people (rowtime, id, name, city) VALUES (3, 2, 'bob', 7);
INSERT INTO people (rowtime, id, name) VALUES (4, 1, 'ann');
ASSERT VALUES lives (rowtime, id, name) VALUES (0, 1, 'ann');
ASSERT VALUES lives (rowtime, id, name) VALUES (1, 2, 'bob');
ASSERT VALUES lives (rowtime, id, name, city) VALUES (2, 1, 'ann', 'Rome');
ASSERT VALUES lives (rowtime, id, name, city) VALUES (3, 2, 'bob', 'Rome');
ASSERT VALUES lives (rowtime, id, name) VALUES (4, 1, 'ann');

--@test: a foreign key at the start of three tables
CREATE TABLE a (id INT PRIMARY KEY, bid INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE TABLE b (id INT PRIMARY KEY, y INT) WITH (kafka_topic = 'b', value_format = 'JSON', partitions = 1);
CREATE TABLE c (id INT PRIMARY KEY, z INT) WITH (kafka_topic = 'c', value_format = 'JSON', partitions = 1);
CREATE TABLE abc AS SELECT a.id AS id, b.y AS y, c.z AS z FROM a JOIN b ON a.bid = b.id JOIN c ON a.id = c.id;
INSERT INTO a (rowtime, id, bid) VALUES (0, 1, 5);
INSERT INTO b (rowtime, id, y) VALUES (1, 5, 50);
INSERT INTO c (rowtime, id, z) VALUES (2, 1, 100);
INSERT INTO b (rowtime, id, y) VALUES (3, 6, 60);
INSERT INTO a (rowtime, id, bid) VALUES (4, 1, 6);
ASSERT VALUES abc (rowtime, id, y, z) VALUES (2, 1, 50, 100);
ASSERT VALUES abc (rowtime, id, y, z) VALUES (4, 1, 60, 100);

--@test: a foreign key into the same table, which changes on either side
CREATE TABLE staff (id INT PRIMARY KEY, name STRING, boss INT) WITH (kafka_topic = 'staff', value_format = 'JSON', partitions = 1);
CREATE TABLE bosses AS SELECT s.id AS id, s.name AS name, b.name AS boss FROM staff s LEFT JOIN staff b ON s.boss = b.id;
INSERT INTO staff (rowtime, id, name) VALUES (0, 1, 'ann');
INSERT INTO staff (rowtime, id, name, boss) VALUES (1, 2, 'bob', 1);
INSERT INTO staff (rowtime, id, name, boss) VALUES (2, 3, 'cy', 2);
INSERT INTO staff (rowtime, id, name) VALUES (3, 1, 'Ann');
INSERT INTO staff (rowtime, id, name, boss) VALUES (4, 3, 'cy', 1);
ASSERT VALUES bosses (rowtime, id, name, boss) VALUES (0, 1, 'ann', NULL);
ASSERT VALUES bosses (rowtime, id, name, boss) VALUES (1, 2, 'bob', 'ann');
ASSERT VALUES bosses (rowtime, id, name, boss) VALUES (2, 3, 'cy', 'bob');
ASSERT VALUES bosses (rowtime, id, name, boss) VALUES (3, 1, 'Ann', NULL);
ASSERT VALUES bosses (rowtime, id, name, boss) VALUES (3, 2, 'bob', 'Ann');
ASSERT VALUES bosses (rowtime, id, name, boss) VALUES (4, 3, 'cy', 'Ann');

--@test: a foreign-key LEFT JOIN: what else ON says decides which rows are a match
CREATE TABLE l (id INT PRIMARY KEY, f INT, x INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE TABLE r (id INT PRIMARY KEY, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE TABLE out AS SELECT l.id AS id, x, y FROM l LEFT JOIN r ON l.f = r.id AND l.x = r.y;
INSERT INTO l (rowtime, id, f, x) VALUES (0, 1, 7, 10);
INSERT INTO r (rowtime, id, y) VALUES (1, 7, 10);
INSERT INTO r (rowtime, id, y) VALUES (2, 7, 11);
INSERT INTO l (rowtime, id, f, x) VALUES (3, 1, 7, 11);
INSERT INTO r (rowtime, id, y) VALUES (4, 8, 11);
INSERT INTO l (rowtime, id, f, x) VALUES (5, 1, 8, 12);
ASSERT VALUES out (rowtime, id, x) VALUES (0, 1, 10);
ASSERT VALUES out (rowtime, id, x, y) VALUES (1, 1, 10, 10);
ASSERT VALUES out (rowtime, id, x) VALUES (2, 1, 10);
ASSERT VALUES out (rowtime, id, x, y) VALUES (3, 1, 11, 11);
ASSERT VALUES out (rowtime, id, x) VALUES (5, 1, 12);
