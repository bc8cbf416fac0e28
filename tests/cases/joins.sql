--@test: a stream joined to a table sees the table as it was; INNER leaves out what has no partner
CREATE TABLE users (id INT PRIMARY KEY, name STRING) WITH (kafka_topic = 'users', value_format = 'JSON', partitions = 1);
CREATE STREAM clicks (id INT KEY, url STRING) WITH (kafka_topic = 'clicks', value_format = 'JSON', partitions = 1);
CREATE STREAM named AS SELECT c.id AS id, c.url AS url, u.name AS name FROM clicks c JOIN users u ON c.id = u.id;
INSERT INTO users (rowtime, id, name) VALUES (0, 1, 'ann');
INSERT INTO clicks (rowtime, id, url) VALUES (10, 1, '/a');
INSERT INTO clicks (rowtime, id, url) VALUES (20, 2, '/b');
INSERT INTO users (rowtime, id, name) VALUES (30, 1, 'anna');
INSERT INTO clicks (rowtime, id, url) VALUES (40, 1, '/c');
ASSERT VALUES named (rowtime, id, url, name) VALUES (10, 1, '/a', 'ann');
ASSERT VALUES named (rowtime, id, url, name) VALUES (40, 1, '/c', 'anna');

--@test: LEFT keeps a stream's row whose table row is not there
CREATE TABLE users (id INT PRIMARY KEY, name STRING) WITH (kafka_topic = 'users', value_format = 'JSON', partitions = 1);
CREATE STREAM clicks (id INT KEY, url STRING) WITH (kafka_topic = 'clicks', value_format = 'JSON', partitions = 1);
CREATE STREAM named AS SELECT c.id AS id, c.url AS url, u.name AS name FROM clicks c LEFT JOIN users u ON c.id = u.id;
INSERT INTO users (rowtime, id, name) VALUES (0, 1, 'ann');
INSERT INTO clicks (rowtime, id, url) VALUES (10, 1, '/a');
INSERT INTO clicks (rowtime, id, url) VALUES (20, 2, '/b');
ASSERT VALUES named (id, url, name) VALUES (1, '/a', 'ann');
ASSERT VALUES named (id, url) VALUES (2, '/b');

--@test: USING is equality of columns of one name; a sub-query in FROM needs no name
CREATE STREAM orders (who STRING KEY, id INT) WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 1);
CREATE TABLE names (who STRING PRIMARY KEY, name STRING) WITH (kafka_topic = 'names', value_format = 'JSON', partitions = 1);
CREATE STREAM named AS SELECT o.who, o.id, name FROM orders o JOIN names USING (who);
CREATE STREAM some AS SELECT id, who FROM (SELECT * FROM orders WHERE id > 1);
INSERT INTO names (rowtime, who, name) VALUES (0, 'ann', 'Ann');
INSERT INTO orders (rowtime, id, who) VALUES (1, 1, 'ann');
INSERT INTO orders (rowtime, id, who) VALUES (2, 2, 'ann');
ASSERT VALUES named (rowtime, o_who, id, name) VALUES (1, 'ann', 1, 'Ann');
ASSERT VALUES named (rowtime, o_who, id, name) VALUES (2, 'ann', 2, 'Ann');
ASSERT VALUES some (rowtime, id, who) VALUES (2, 2, 'ann');

--@test: LEFT JOIN of a stream with a table: what else ON says decides which rows are a match
CREATE STREAM l (id INT KEY, x INT, y INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE TABLE r (id INT PRIMARY KEY, x INT, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE STREAM out AS SELECT l.id AS id, l.y AS ly, r.y AS ry, r.ROWTIME AS rt FROM l LEFT JOIN r ON l.x = r.x AND l.id = r.id AND l.y < 10 * r.y;
INSERT INTO r (rowtime, id, x, y) VALUES (0, 1, 5, 20);
INSERT INTO l (rowtime, id, x, y) VALUES (1, 1, 5, 1);
INSERT INTO l (rowtime, id, x, y) VALUES (2, 1, 6, 2);
INSERT INTO l (rowtime, id, x, y) VALUES (3, 1, 5, 300);
INSERT INTO l (rowtime, id, y) VALUES (4, 1, 4);
INSERT INTO l (rowtime, id, x, y) VALUES (5, 2, 5, 5);
INSERT INTO r (rowtime, id, x, y) VALUES (6, 1, 6, 60);
INSERT INTO l (rowtime, id, x, y) VALUES (7, 1, 6, 7);
ASSERT VALUES out (rowtime, id, ly, ry, rt) VALUES (1, 1, 1, 20, 0);
ASSERT VALUES out (rowtime, id, ly) VALUES (2, 1, 2);
ASSERT VALUES out (rowtime, id, ly) VALUES (3, 1, 300);
ASSERT VALUES out (rowtime, id, ly) VALUES (4, 1, 4);
ASSERT VALUES out (rowtime, id, ly) VALUES (5, 2, 5);
ASSERT VALUES out (rowtime, id, ly, ry, rt) VALUES (7, 1, 7, 60, 6);
