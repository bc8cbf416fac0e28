--@test: a stream joined with a sub-query that groups: each row meets its group as of then
CREATE STREAM clicks (who INT KEY, page STRING) WITH (kafka_topic = 'clicks', value_format = 'JSON', partitions = 1);
CREATE STREAM orders (who INT KEY, x INT) WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 1);
CREATE STREAM known AS
  SELECT c.who AS who, page, n, xs, o.ROWTIME AS since
  FROM clicks c JOIN (SELECT who, COUNT(*) AS n, COLLECT_LIST(x) AS xs FROM orders WHERE x > 0 GROUP BY who) o ON c.who = o.who;
CREATE STREAM all_of_them AS
  SELECT c.who AS who, page, COALESCE(total, 0) AS total
  FROM clicks c LEFT JOIN (SELECT who, SUM(x) AS total FROM orders GROUP BY who HAVING COUNT(*) <> 2) o ON c.who = o.who
  WHERE page <> 'q';
INSERT INTO clicks (rowtime, who, page) VALUES (0, 1, 'a');
INSERT INTO orders (rowtime, who, x) VALUES (1, 1, 5);
INSERT INTO clicks (rowtime, who, page) VALUES (2, 1, 'b');
INSERT INTO orders (rowtime, who, x) VALUES (3, 1, 6);
INSERT INTO clicks (rowtime, who, page) VALUES (4, 1, 'c');
INSERT INTO orders (rowtime, who, x) VALUES (5, 1, 7);
INSERT INTO clicks (rowtime, who, page) VALUES (6, 1, 'd');
INSERT INTO clicks (rowtime, who, page) VALUES (7, 2, 'e');
INSERT INTO clicks (rowtime, who, page) VALUES (8, 1, 'q');
ASSERT VALUES known (rowtime, who, page, n, xs, since) VALUES (2, 1, 'b', 1, ARRAY[5], 1);
ASSERT VALUES known (rowtime, who, page, n, xs, since) VALUES (4, 1, 'c', 2, ARRAY[5, 6], 3);
ASSERT VALUES known (rowtime, who, page, n, xs, since) VALUES (6, 1, 'd', 3, ARRAY[5, 6, 7], 5);
ASSERT VALUES known (rowtime, who, page, n, xs, since) VALUES (8, 1, 'q', 3, ARRAY[5, 6, 7], 5);
ASSERT VALUES all_of_them (rowtime, who, page, total) VALUES (0, 1, 'a', 0);
ASSERT VALUES all_of_them (rowtime, who, page, total) VALUES (2, 1, 'b', 5);
ASSERT VALUES all_of_them (rowtime, who, page, total) VALUES (4, 1, 'c', 0);
ASSERT VALUES all_of_them (rowtime, who, page, total) VALUES (6, 1, 'd', 18);
ASSERT VALUES all_of_them (rowtime, who, page, total) VALUES (7, 2, 'e', 0);

--@test: a stream joined with groups of itself: a row meets those before it
CREATE STREAM clicks (who INT KEY, pages ARRAY<STRING>) WITH (kafka_topic = 'clicks', value_format = 'JSON', partitions = 1);
CREATE STREAM nth AS
  SELECT c.who AS who, COALESCE(n, 0) AS earlier FROM clicks c LEFT JOIN (SELECT who, COUNT(*) AS n FROM clicks GROUP BY who) o ON c.who = o.who;
CREATE STREAM each AS
  WITH p AS (SELECT who, EXPLODE(pages) AS page FROM clicks)
  SELECT p.who AS who, page, latest FROM p JOIN (SELECT who, LATEST_BY_OFFSET(page) AS latest FROM p GROUP BY who) l ON p.who = l.who;
INSERT INTO clicks (rowtime, who, pages) VALUES (0, 1, ARRAY['a', 'b']);
INSERT INTO clicks (rowtime, who, pages) VALUES (1, 1, ARRAY['c', 'd']);
INSERT INTO clicks (rowtime, who, pages) VALUES (1, 2, ARRAY['e']);
INSERT INTO clicks (rowtime, who, pages) VALUES (2, 1, ARRAY['f']);
ASSERT VALUES nth (rowtime, who, earlier) VALUES (0, 1, 0);
ASSERT VALUES nth (rowtime, who, earlier) VALUES (1, 1, 1);
ASSERT VALUES nth (rowtime, who, earlier) VALUES (1, 2, 0);
ASSERT VALUES nth (rowtime, who, earlier) VALUES (2, 1, 2);
ASSERT VALUES each (rowtime, who, page, latest) VALUES (1, 1, 'c', 'b');
ASSERT VALUES each (rowtime, who, page, latest) VALUES (1, 1, 'd', 'b');
ASSERT VALUES each (rowtime, who, page, latest) VALUES (2, 1, 'f', 'd');

--@test: a stream joined with tables that sub-queries work out: joined, joined by a foreign key, groups of a table, groups joined
CREATE STREAM clicks (who INT KEY, page STRING) WITH (kafka_topic = 'clicks', value_format = 'JSON', partitions = 1);
CREATE STREAM orders (who INT KEY, x INT) WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 1);
CREATE TABLE people (who INT PRIMARY KEY, team INT, age INT) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE TABLE teams (team INT PRIMARY KEY, color STRING) WITH (kafka_topic = 'teams', value_format = 'JSON', partitions = 1);
CREATE STREAM colored AS
  SELECT c.who AS who, page, color
  FROM clicks c LEFT JOIN (SELECT p.who AS who, color FROM people p JOIN teams t ON p.team = t.team) m ON c.who = m.who;
CREATE STREAM sized AS
  SELECT c.who AS who, page, size
  FROM clicks c LEFT JOIN (SELECT team, COUNT(*) AS size FROM people GROUP BY team) m ON c.who = m.team;
CREATE STREAM rich AS
  SELECT c.who AS who, page, age, total
  FROM clicks c JOIN (
    SELECT o.who AS who, age, total FROM (SELECT who, SUM(x) AS total FROM orders GROUP BY who) o LEFT JOIN people p ON o.who = p.who
  ) m ON c.who = m.who;
INSERT INTO people (rowtime, who, team, age) VALUES (0, 1, 2, 30);
INSERT INTO teams (rowtime, team, color) VALUES (1, 2, 'red');
INSERT INTO clicks (rowtime, who, page) VALUES (2, 1, 'a');
INSERT INTO teams (rowtime, team, color) VALUES (3, 2, 'blue');
INSERT INTO people (rowtime, who, team, age) VALUES (3, 7, 2, 20);
INSERT INTO clicks (rowtime, who, page) VALUES (4, 2, 'b');
INSERT INTO orders (rowtime, who, x) VALUES (4, 1, 8);
INSERT INTO clicks (rowtime, who, page) VALUES (5, 1, 'c');
INSERT INTO people (rowtime, who, team, age) VALUES (6, 1, 3, 31);
INSERT INTO orders (rowtime, who, x) VALUES (6, 1, 9);
INSERT INTO clicks (rowtime, who, page) VALUES (7, 1, 'd');
INSERT INTO clicks (rowtime, who, page) VALUES (8, 2, 'e');
ASSERT VALUES colored (rowtime, who, page, color) VALUES (2, 1, 'a', 'red');
ASSERT VALUES colored (rowtime, who, page, color) VALUES (4, 2, 'b', NULL);
ASSERT VALUES colored (rowtime, who, page, color) VALUES (5, 1, 'c', 'blue');
ASSERT VALUES colored (rowtime, who, page, color) VALUES (7, 1, 'd', NULL);
ASSERT VALUES colored (rowtime, who, page, color) VALUES (8, 2, 'e', NULL);
ASSERT VALUES sized (rowtime, who, page, size) VALUES (2, 1, 'a', NULL);
ASSERT VALUES sized (rowtime, who, page, size) VALUES (4, 2, 'b', 2);
ASSERT VALUES sized (rowtime, who, page, size) VALUES (5, 1, 'c', NULL);
ASSERT VALUES sized (rowtime, who, page, size) VALUES (7, 1, 'd', NULL);
ASSERT VALUES sized (rowtime, who, page, size) VALUES (8, 2, 'e', 1);
ASSERT VALUES rich (rowtime, who, page, age, total) VALUES (5, 1, 'c', 30, 8);
ASSERT VALUES rich (rowtime, who, page, age, total) VALUES (7, 1, 'd', 31, 17);

--@test: ON with further conditions: those of inner joins are asked of joined rows, also by sub-queries; of LEFT JOIN those of the right side
CREATE STREAM views (id INT KEY, who INT, page STRING) WITH (kafka_topic = 'views', value_format = 'JSON', partitions = 1);
CREATE STREAM buys (who INT KEY, x INT) WITH (kafka_topic = 'buys', value_format = 'JSON', partitions = 1);
CREATE TABLE people (who INT PRIMARY KEY, age INT, boss INT) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE TABLE banned (page STRING PRIMARY KEY, at INT) WITH (kafka_topic = 'banned', value_format = 'JSON', partitions = 1);
CREATE TABLE teams (boss INT PRIMARY KEY, color STRING) WITH (kafka_topic = 'teams', value_format = 'JSON', partitions = 1);
CREATE STREAM grown AS
  SELECT v.who AS who, page, age FROM views v JOIN people p ON (v.who = p.who AND p.age > 17) AND page NOT IN (SELECT page FROM banned) WHERE v.id <> 9;
CREATE STREAM maybe AS SELECT v.who AS who, page, age FROM views v LEFT JOIN people p ON p.age > 17 AND v.who = p.who;
CREATE STREAM soon AS SELECT v.who AS who, page, x FROM views v JOIN buys b WITHIN 10 MILLISECONDS ON v.who = b.who AND b.x > v.id;
CREATE TABLE old AS SELECT p.who AS who, age, color FROM people p JOIN teams t ON p.boss = t.boss AND t.color <> 'red' AND p.age > 17;
CREATE TABLE any_color AS SELECT p.who AS who, color FROM people p LEFT JOIN teams t ON p.boss = t.boss AND t.color <> 'red';
INSERT INTO teams (rowtime, boss, color) VALUES (0, 7, 'blue');
INSERT INTO people (rowtime, who, age, boss) VALUES (1, 1, 20, 7);
INSERT INTO people (rowtime, who, age, boss) VALUES (2, 2, 3, 7);
INSERT INTO banned (rowtime, page, at) VALUES (3, 'b', 0);
INSERT INTO views (rowtime, id, who, page) VALUES (4, 3, 1, 'a');
INSERT INTO views (rowtime, id, who, page) VALUES (5, 4, 1, 'b');
INSERT INTO views (rowtime, id, who, page) VALUES (6, 5, 2, 'a');
INSERT INTO buys (rowtime, who, x) VALUES (7, 1, 4);
INSERT INTO teams (rowtime, boss, color) VALUES (8, 7, 'red');
ASSERT VALUES grown (rowtime, who, page, age) VALUES (4, 1, 'a', 20);
ASSERT VALUES maybe (rowtime, who, page, age) VALUES (4, 1, 'a', 20);
ASSERT VALUES maybe (rowtime, who, page, age) VALUES (5, 1, 'b', 20);
ASSERT VALUES maybe (rowtime, who, page, age) VALUES (6, 2, 'a', NULL);
ASSERT VALUES soon (rowtime, who, page, x) VALUES (7, 1, 'a', 4);
ASSERT VALUES old (rowtime, who, age, color) VALUES (1, 1, 20, 'blue');
ASSERT NULL VALUES old (rowtime, who) KEY (8, 1);
ASSERT VALUES any_color (rowtime, who, color) VALUES (1, 1, 'blue');
ASSERT VALUES any_color (rowtime, who, color) VALUES (2, 2, 'blue');
ASSERT VALUES any_color (rowtime, who, color) VALUES (8, 1, NULL);
ASSERT VALUES any_color (rowtime, who, color) VALUES (8, 2, NULL);

--@test: groups joined with groups, also of one stream, and a table with groups by its foreign key
CREATE STREAM orders (who INT KEY, x INT) WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 1);
CREATE TABLE people (who INT PRIMARY KEY, friend INT) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE TABLE shares AS
  SELECT a.who AS who, n, high
  FROM (SELECT who, COUNT(*) AS n FROM orders GROUP BY who) a
  LEFT JOIN (SELECT who, COUNT(*) AS high FROM orders WHERE x > 5 GROUP BY who) h ON a.who = h.who;
CREATE TABLE friends AS
  SELECT p.who AS who, friend, s FROM people p LEFT JOIN (SELECT who, SUM(x) AS s FROM orders GROUP BY who) g ON p.friend = g.who;
INSERT INTO people (rowtime, who, friend) VALUES (0, 1, 2);
INSERT INTO orders (rowtime, who, x) VALUES (1, 2, 5);
INSERT INTO orders (rowtime, who, x) VALUES (2, 2, 6);
INSERT INTO people (rowtime, who, friend) VALUES (3, 1, 3);
ASSERT VALUES shares (rowtime, who, n, high) VALUES (1, 2, 1, NULL);
ASSERT VALUES shares (rowtime, who, n, high) VALUES (2, 2, 2, 1);
ASSERT VALUES friends (rowtime, who, friend, s) VALUES (0, 1, 2, NULL);
ASSERT VALUES friends (rowtime, who, friend, s) VALUES (1, 1, 2, 5);
ASSERT VALUES friends (rowtime, who, friend, s) VALUES (2, 1, 2, 11);
ASSERT VALUES friends (rowtime, who, friend, s) VALUES (3, 1, 3, NULL);
