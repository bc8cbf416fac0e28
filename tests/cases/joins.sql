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
