--@test: sub-queries: a projection, a filter and a table function below others, nested, under names of their own
CREATE STREAM a (id INT KEY, x INT, xs ARRAY<INT>) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM plain AS SELECT t.id, y * 2 AS z, t.ROWTIME AS at FROM (SELECT id, x + 1 AS y, x FROM a WHERE x > 1) t WHERE t.x < 4 AND y <> 3;
CREATE STREAM each AS SELECT id, item FROM (SELECT id, EXPLODE(xs) AS item FROM (SELECT * FROM a WHERE x < 3) small) e WHERE item > 10;
CREATE STREAM guarded AS SELECT id, COALESCE(q, -1) AS q FROM (SELECT id, 6 / x AS q FROM a) d;
INSERT INTO a (rowtime, id, x, xs) VALUES (0, 1, 0, ARRAY[10, 11]);
INSERT INTO a (rowtime, id, x, xs) VALUES (1, 1, 2, ARRAY[12, 13]);
INSERT INTO a (rowtime, id, x, xs) VALUES (2, 2, 3, ARRAY[14]);
INSERT INTO a (rowtime, id, x, xs) VALUES (3, 2, 4, NULL);
ASSERT VALUES plain (rowtime, id, z, at) VALUES (2, 2, 8, 2);
ASSERT VALUES each (rowtime, id, item) VALUES (0, 1, 11);
ASSERT VALUES each (rowtime, id, item) VALUES (1, 1, 12);
ASSERT VALUES each (rowtime, id, item) VALUES (1, 1, 13);
ASSERT VALUES guarded (rowtime, id, q) VALUES (0, 1, -1);
ASSERT VALUES guarded (rowtime, id, q) VALUES (1, 1, 3);
ASSERT VALUES guarded (rowtime, id, q) VALUES (2, 2, 2);
ASSERT VALUES guarded (rowtime, id, q) VALUES (3, 2, 1);

--@test: a sub-query's columns under names behind its alias
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM named AS SELECT k, double FROM (SELECT id, x * 2 FROM a) AS t(k, double) WHERE double > 2;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO a (rowtime, id, x) VALUES (1, 1, 2);
ASSERT VALUES named (rowtime, k, double) VALUES (1, 1, 4);

--@test: WITH: names that stand on names, columns renamed, a stream's name taken over
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM high AS
  WITH a AS (SELECT id, x FROM a WHERE x > 1), b (k, double) AS (SELECT id, x * 2 FROM a)
  SELECT k, double FROM b UNION ALL SELECT id, x FROM a EMIT CHANGES;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO a (rowtime, id, x) VALUES (1, 1, 2);
ASSERT VALUES high (rowtime, k, double) VALUES (1, 1, 4);
ASSERT VALUES high (rowtime, k, double) VALUES (1, 1, 2);

--@test: WITH that names some columns only, = ANY and <> ALL, a join in parentheses
CREATE STREAM a (id INT KEY, x INT, y INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE TABLE seen (id INT PRIMARY KEY, v INT) WITH (kafka_topic = 'seen', value_format = 'JSON', partitions = 1);
CREATE STREAM known AS WITH t(k) AS MATERIALIZED (SELECT id, x FROM a) SELECT k, x FROM t WHERE k = ANY (SELECT id FROM seen);
CREATE STREAM unknown AS SELECT k, x FROM a AS t(k) WHERE k <> ALL (SELECT id FROM seen);
CREATE STREAM met AS SELECT a.id AS id, x, v FROM (a JOIN seen s ON a.id = s.id);
INSERT INTO seen (rowtime, id, v) VALUES (0, 1, 7);
INSERT INTO a (rowtime, id, x, y) VALUES (1, 1, 2, 3);
INSERT INTO a (rowtime, id, x, y) VALUES (2, 2, 4, 5);
ASSERT VALUES known (rowtime, k, x) VALUES (1, 1, 2);
ASSERT VALUES unknown (rowtime, k, x) VALUES (2, 2, 4);
ASSERT VALUES met (rowtime, id, x, v) VALUES (1, 1, 2, 7);

--@test: sub-queries that PARTITION BY, joined with a stream and a table
CREATE STREAM orders (id INT KEY, who INT, x INT) WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 1);
CREATE STREAM visits (id INT KEY, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', partitions = 1);
CREATE TABLE people (id INT PRIMARY KEY, name STRING, age INT) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE STREAM named AS
  SELECT o.who AS who, o.x AS x, p.name AS name
  FROM (SELECT who, x FROM orders WHERE x > 1 PARTITION BY who) o LEFT JOIN (SELECT id, UCASE(name) AS name FROM people WHERE age > 17) p ON o.who = p.id;
CREATE STREAM seen AS
  SELECT o.who AS who, o.x AS x, v.page AS page
  FROM (SELECT who, x FROM orders PARTITION BY who) o JOIN visits v WITHIN 10 MILLISECONDS ON o.who = v.id;
INSERT INTO people (rowtime, id, name, age) VALUES (0, 7, 'ann', 20);
INSERT INTO people (rowtime, id, name, age) VALUES (0, 8, 'bob', 3);
INSERT INTO visits (rowtime, id, page) VALUES (0, 7, 'home');
INSERT INTO orders (rowtime, id, who, x) VALUES (1, 1, 7, 2);
INSERT INTO orders (rowtime, id, who, x) VALUES (2, 2, 8, 3);
INSERT INTO orders (rowtime, id, who, x) VALUES (3, 3, 7, 1);
INSERT INTO people (rowtime, id, name, age) VALUES (4, 7, 'ann', 2);
INSERT INTO orders (rowtime, id, who, x) VALUES (5, 4, 7, 4);
ASSERT VALUES named (rowtime, who, x, name) VALUES (1, 7, 2, 'ANN');
ASSERT VALUES named (rowtime, who, x) VALUES (2, 8, 3);
ASSERT VALUES named (rowtime, who, x) VALUES (5, 7, 4);
ASSERT VALUES seen (rowtime, who, x, page) VALUES (1, 7, 2, 'home');
ASSERT VALUES seen (rowtime, who, x, page) VALUES (3, 7, 1, 'home');
ASSERT VALUES seen (rowtime, who, x, page) VALUES (5, 7, 4, 'home');

--@test: a sub-query that groups, below a filter and a projection
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE TABLE often AS SELECT id, n * 10 AS tens, s FROM (SELECT id, COUNT(*) AS n, SUM(x) AS s FROM a GROUP BY id) g WHERE n > 1 AND s < 9;
CREATE TABLE windows AS
  SELECT id, n, windowstart AS begun FROM (SELECT id, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id) w WHERE n > 1;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO a (rowtime, id, x) VALUES (1, 1, 2);
INSERT INTO a (rowtime, id, x) VALUES (2, 2, 3);
INSERT INTO a (rowtime, id, x) VALUES (13, 1, 9);
INSERT INTO a (rowtime, id, x) VALUES (14, 2, 4);
ASSERT VALUES often (rowtime, id, tens, s) VALUES (1, 1, 20, 3);
ASSERT NULL VALUES often (rowtime, id) KEY (13, 1);
ASSERT VALUES often (rowtime, id, tens, s) VALUES (14, 2, 20, 7);
ASSERT VALUES windows (rowtime, id, windowstart, windowend, n, begun) VALUES (1, 1, 0, 10, 2, 0);

--@test: groups of windows that have closed, each of which comes once
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE TABLE usual AS
  SELECT id, COUNT(*) AS windows, AVG(n) AS mean, COLLECT_LIST(n) AS ns
  FROM (SELECT id, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id HAVING COUNT(*) <> 3 EMIT FINAL) w
  GROUP BY id HAVING COUNT(*) > 0;
CREATE TABLE longer AS
  SELECT WINDOWSTART - WINDOWSTART % 20 AS twenty, SUM(n) AS n
  FROM (SELECT id, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id EMIT FINAL) w
  WHERE id < 9 GROUP BY WINDOWSTART - WINDOWSTART % 20;
CREATE TABLE visits AS
  WITH v AS (SELECT id, COUNT(*) AS n FROM a WINDOW SESSION (5 MILLISECONDS) GROUP BY id EMIT FINAL)
  SELECT id, MAX(n) AS longest FROM v GROUP BY id;
CREATE STREAM closed AS
  SELECT id, n, WINDOWSTART AS begun FROM (SELECT id, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id EMIT FINAL) w WHERE n > 1;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO a (rowtime, id, x) VALUES (1, 1, 2);
INSERT INTO a (rowtime, id, x) VALUES (2, 2, 3);
INSERT INTO a (rowtime, id, x) VALUES (13, 1, 9);
INSERT INTO a (rowtime, id, x) VALUES (14, 1, 4);
INSERT INTO a (rowtime, id, x) VALUES (15, 1, 4);
INSERT INTO a (rowtime, id, x) VALUES (21, 1, 4);
INSERT INTO a (rowtime, id, x) VALUES (40, 9, 4);
ASSERT VALUES usual (rowtime, id, windows, mean, ns) VALUES (1, 1, 1, 2.0, ARRAY[2]);
ASSERT VALUES usual (rowtime, id, windows, mean, ns) VALUES (2, 2, 1, 1.0, ARRAY[1]);
ASSERT VALUES usual (rowtime, id, windows, mean, ns) VALUES (21, 1, 2, 1.5, ARRAY[2, 1]);
ASSERT VALUES longer (rowtime, twenty, n) VALUES (2, 0, 3);
ASSERT VALUES longer (rowtime, twenty, n) VALUES (15, 0, 6);
ASSERT VALUES longer (rowtime, twenty, n) VALUES (21, 20, 1);
ASSERT VALUES visits (rowtime, id, longest) VALUES (1, 1, 2);
ASSERT VALUES visits (rowtime, id, longest) VALUES (2, 2, 1);
ASSERT VALUES visits (rowtime, id, longest) VALUES (15, 1, 3);
ASSERT VALUES visits (rowtime, id, longest) VALUES (21, 1, 3);
ASSERT VALUES closed (rowtime, id, windowstart, windowend, n, begun) VALUES (1, 1, 0, 10, 2, 0);
ASSERT VALUES closed (rowtime, id, windowstart, windowend, n, begun) VALUES (15, 1, 10, 20, 3, 10);

--@test: closed windows inserted into a stream, whose keys have no windows
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM closed (id INT KEY, n BIGINT, begun BIGINT) WITH (kafka_topic = 'closed', value_format = 'JSON', partitions = 1);
INSERT INTO closed SELECT id, n, WINDOWSTART AS begun FROM (SELECT id, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id EMIT FINAL) w;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO a (rowtime, id, x) VALUES (1, 1, 2);
INSERT INTO a (rowtime, id, x) VALUES (15, 1, 3);
INSERT INTO a (rowtime, id, x) VALUES (21, 2, 3);
INSERT INTO a (rowtime, id, x) VALUES (40, 9, 9);
ASSERT VALUES closed (rowtime, id, n, begun) VALUES (1, 1, 2, 0);
ASSERT VALUES closed (rowtime, id, n, begun) VALUES (15, 1, 1, 10);
ASSERT VALUES closed (rowtime, id, n, begun) VALUES (21, 2, 1, 20);

--@test: groups of groups: a group that no row is in any more is gone
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE TABLE histogram AS SELECT n, COUNT(*) AS ids, SUM(s) AS total FROM (SELECT id, COUNT(*) AS n, SUM(x) AS s FROM a GROUP BY id) g GROUP BY n HAVING SUM(s) > 0;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 5);
INSERT INTO a (rowtime, id, x) VALUES (1, 2, 6);
INSERT INTO a (rowtime, id, x) VALUES (2, 1, 7);
INSERT INTO a (rowtime, id, x) VALUES (3, 2, 8);
ASSERT VALUES histogram (rowtime, n, ids, total) VALUES (0, 1, 1, 5);
ASSERT VALUES histogram (rowtime, n, ids, total) VALUES (1, 1, 2, 11);
ASSERT VALUES histogram (rowtime, n, ids, total) VALUES (2, 1, 1, 6);
ASSERT VALUES histogram (rowtime, n, ids, total) VALUES (2, 2, 1, 12);
ASSERT NULL VALUES histogram (rowtime, n) KEY (3, 1);
ASSERT VALUES histogram (rowtime, n, ids, total) VALUES (3, 2, 2, 26);

--@test: tables joined with sub-queries that group, by primary and by foreign key
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE TABLE people (id INT PRIMARY KEY, friend INT) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE TABLE own AS SELECT p.id AS id, g.n AS n FROM people p LEFT JOIN (SELECT id, COUNT(*) AS n FROM a GROUP BY id) g ON p.id = g.id;
CREATE TABLE friends AS SELECT p.id AS id, g.s AS s FROM people p JOIN (SELECT id, SUM(x) AS s FROM a GROUP BY id) g ON p.friend = g.id;
INSERT INTO people (rowtime, id, friend) VALUES (0, 1, 2);
INSERT INTO a (rowtime, id, x) VALUES (1, 1, 5);
INSERT INTO a (rowtime, id, x) VALUES (2, 2, 6);
INSERT INTO a (rowtime, id, x) VALUES (3, 2, 7);
INSERT INTO people (rowtime, id, friend) VALUES (4, 1, 1);
ASSERT VALUES own (rowtime, id, n) VALUES (0, 1, NULL);
ASSERT VALUES own (rowtime, id, n) VALUES (1, 1, 1);
ASSERT VALUES own (rowtime, id, n) VALUES (4, 1, 1);
ASSERT VALUES friends (rowtime, id, s) VALUES (2, 1, 6);
ASSERT VALUES friends (rowtime, id, s) VALUES (3, 1, 13);
ASSERT VALUES friends (rowtime, id, s) VALUES (4, 1, 5);

--@test: windows over windows that have closed: none is late, whatever has come by then
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE TABLE longer AS
  SELECT id, SUM(n) AS n, COUNT(*) AS windows, MAX(WINDOWSTART) AS latest
  FROM (SELECT id, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id EMIT FINAL) w
  WINDOW TUMBLING (SIZE 30 MILLISECONDS) WHERE id < 9 GROUP BY id EMIT FINAL;
CREATE TABLE hops AS
  SELECT id, SUM(n) AS n FROM (SELECT id, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id HAVING COUNT(*) > 1 EMIT FINAL) w
  WINDOW HOPPING (SIZE 30 MILLISECONDS, ADVANCE BY 10 MILLISECONDS) GROUP BY id;
CREATE TABLE shorter AS
  SELECT id, SUM(n) AS n FROM (SELECT id, COUNT(*) AS n FROM a WINDOW HOPPING (SIZE 20 MILLISECONDS, ADVANCE BY 10 MILLISECONDS) GROUP BY id EMIT FINAL) w
  WINDOW TUMBLING (SIZE 5 MILLISECONDS, GRACE PERIOD 3 MILLISECONDS) GROUP BY id EMIT FINAL;
CREATE TABLE visits AS
  SELECT id, SUM(n) AS n FROM (SELECT id, COUNT(*) AS n FROM a WINDOW SESSION (3 MILLISECONDS) GROUP BY id EMIT FINAL) w
  WINDOW SESSION (12 MILLISECONDS) GROUP BY id EMIT FINAL;
CREATE TABLE growing AS
  SELECT id % 2 AS odd, COUNT(*) AS n, SUM(n) AS total FROM (SELECT id, COUNT(*) AS n FROM a WINDOW CUMULATIVE (SIZE 20 MILLISECONDS, STEP 10 MILLISECONDS) GROUP BY id EMIT FINAL) w
  WINDOW TUMBLING (SIZE 20 MILLISECONDS) GROUP BY id % 2 EMIT FINAL;
CREATE TABLE thrice AS
  SELECT id, SUM(n) AS n
  FROM (SELECT id, SUM(n) AS n FROM (SELECT id, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 5 MILLISECONDS) GROUP BY id EMIT FINAL) w
    WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id EMIT FINAL) v
  WINDOW TUMBLING (SIZE 20 MILLISECONDS) GROUP BY id EMIT FINAL;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO a (rowtime, id, x) VALUES (9, 1, 2);
INSERT INTO a (rowtime, id, x) VALUES (2, 2, 3);
INSERT INTO a (rowtime, id, x) VALUES (13, 1, 9);
INSERT INTO a (rowtime, id, x) VALUES (14, 3, 4);
INSERT INTO a (rowtime, id, x) VALUES (15, 1, 4);
INSERT INTO a (rowtime, id, x) VALUES (8, 1, 5);
INSERT INTO a (rowtime, id, x) VALUES (21, 1, 4);
INSERT INTO a (rowtime, id, x) VALUES (29, 2, 4);
INSERT INTO a (rowtime, id, x) VALUES (38, 1, 4);
INSERT INTO a (rowtime, id, x) VALUES (31, 2, 4);
INSERT INTO a (rowtime, id, x) VALUES (62, 9, 4);
INSERT INTO a (rowtime, id, x) VALUES (200, 9, 4);
ASSERT VALUES longer (rowtime, id, windowstart, n, windows, latest) VALUES (21, 1, 0, 5, 3, 20);
ASSERT VALUES longer (rowtime, id, windowstart, n, windows, latest) VALUES (29, 2, 0, 2, 2, 20);
ASSERT VALUES longer (rowtime, id, windowstart, n, windows, latest) VALUES (14, 3, 0, 1, 1, 10);
ASSERT VALUES longer (rowtime, id, windowstart, n, windows, latest) VALUES (38, 1, 30, 1, 1, 30);
ASSERT VALUES longer (rowtime, id, windowstart, n, windows, latest) VALUES (31, 2, 30, 1, 1, 30);
ASSERT VALUES hops (rowtime, id, windowstart, n) VALUES (9, 1, 0, 2);
ASSERT VALUES hops (rowtime, id, windowstart, n) VALUES (15, 1, 0, 4);
ASSERT VALUES hops (rowtime, id, windowstart, n) VALUES (15, 1, 10, 2);
ASSERT VALUES shorter (rowtime, id, windowstart, n) VALUES (2, 2, 0, 1);
ASSERT VALUES shorter (rowtime, id, windowstart, n) VALUES (14, 3, 10, 2);
ASSERT VALUES shorter (rowtime, id, windowstart, n) VALUES (15, 1, 15, 5);
ASSERT VALUES shorter (rowtime, id, windowstart, n) VALUES (21, 1, 20, 3);
ASSERT VALUES shorter (rowtime, id, windowstart, n) VALUES (29, 2, 25, 1);
ASSERT VALUES shorter (rowtime, id, windowstart, n) VALUES (31, 2, 30, 3);
ASSERT VALUES shorter (rowtime, id, windowstart, n) VALUES (38, 1, 35, 3);
ASSERT VALUES shorter (rowtime, id, windowstart, n) VALUES (62, 9, 60, 2);
ASSERT VALUES visits (rowtime, id, windowstart, windowstart, n) VALUES (14, 3, 14, 14, 1);
ASSERT VALUES visits (rowtime, id, windowstart, windowstart, n) VALUES (21, 1, 21, 0, 5);
ASSERT VALUES visits (rowtime, id, windowstart, windowstart, n) VALUES (29, 2, 29, 29, 1);
ASSERT VALUES visits (rowtime, id, windowstart, windowstart, n) VALUES (38, 1, 38, 38, 1);
ASSERT VALUES visits (rowtime, id, windowstart, windowstart, n) VALUES (62, 9, 62, 62, 1);
ASSERT VALUES growing (rowtime, odd, windowstart, n, total) VALUES (2, 0, 0, 2, 2);
ASSERT VALUES growing (rowtime, odd, windowstart, n, total) VALUES (15, 1, 0, 3, 8);
ASSERT VALUES growing (rowtime, odd, windowstart, n, total) VALUES (31, 0, 20, 2, 3);
ASSERT VALUES growing (rowtime, odd, windowstart, n, total) VALUES (38, 1, 20, 2, 3);
ASSERT VALUES growing (rowtime, odd, windowstart, n, total) VALUES (62, 1, 60, 2, 2);
ASSERT VALUES thrice (rowtime, id, windowstart, n) VALUES (15, 1, 0, 4);
ASSERT VALUES thrice (rowtime, id, windowstart, n) VALUES (14, 3, 0, 1);
ASSERT VALUES thrice (rowtime, id, windowstart, n) VALUES (38, 1, 20, 2);
ASSERT VALUES thrice (rowtime, id, windowstart, n) VALUES (29, 2, 20, 1);
ASSERT VALUES thrice (rowtime, id, windowstart, n) VALUES (62, 9, 60, 1);

--@test: windows of windows that are joined, each with its own time
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE TABLE both AS
  SELECT l.id AS id, l.windows AS longs, l.n AS n, s.windows AS shorts
  FROM (SELECT id, COUNT(*) AS windows, SUM(n) AS n
    FROM (SELECT id, SUM(n) AS n FROM (SELECT id, SUM(n) AS n FROM (SELECT id, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 5 MILLISECONDS) GROUP BY id EMIT FINAL) t
      WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id EMIT FINAL) u WINDOW TUMBLING (SIZE 30 MILLISECONDS) GROUP BY id EMIT FINAL) v GROUP BY id) l
  LEFT JOIN (SELECT id, COUNT(*) AS windows
    FROM (SELECT id, COUNT(*) AS n FROM (SELECT id, COUNT(*) AS n FROM a WINDOW SESSION (3 MILLISECONDS) GROUP BY id EMIT FINAL) w
      WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id EMIT FINAL) x GROUP BY id) s ON l.id = s.id;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO a (rowtime, id, x) VALUES (9, 1, 2);
INSERT INTO a (rowtime, id, x) VALUES (2, 2, 3);
INSERT INTO a (rowtime, id, x) VALUES (13, 1, 9);
INSERT INTO a (rowtime, id, x) VALUES (14, 3, 4);
INSERT INTO a (rowtime, id, x) VALUES (15, 1, 4);
INSERT INTO a (rowtime, id, x) VALUES (8, 1, 5);
INSERT INTO a (rowtime, id, x) VALUES (21, 1, 4);
INSERT INTO a (rowtime, id, x) VALUES (29, 2, 4);
INSERT INTO a (rowtime, id, x) VALUES (38, 1, 4);
INSERT INTO a (rowtime, id, x) VALUES (31, 2, 4);
INSERT INTO a (rowtime, id, x) VALUES (62, 9, 4);
INSERT INTO a (rowtime, id, x) VALUES (200, 9, 4);
ASSERT VALUES both (rowtime, id, longs, n, shorts) VALUES (21, 1, 1, 5, 3);
ASSERT VALUES both (rowtime, id, longs, n, shorts) VALUES (29, 2, 1, 1, 1);
ASSERT VALUES both (rowtime, id, longs, n, shorts) VALUES (14, 3, 1, 1, 1);
ASSERT VALUES both (rowtime, id, longs, n, shorts) VALUES (38, 1, 2, 6, 4);
ASSERT VALUES both (rowtime, id, longs, n, shorts) VALUES (62, 9, 1, 1, 1);

--@test: windows of a filtered stream beside those of all of it: each by the stream time of the rows that it sees
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE TABLE both AS
  SELECT l.id AS id, l.n AS n, h.n AS high
  FROM (SELECT id, SUM(n) AS n FROM (SELECT id, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id EMIT FINAL) w GROUP BY id) l
  LEFT JOIN (SELECT id, SUM(n) AS n FROM (SELECT id, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 10 MILLISECONDS) WHERE x > 5 GROUP BY id EMIT FINAL) v
    GROUP BY id) h ON l.id = h.id;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 6);
INSERT INTO a (rowtime, id, x) VALUES (30, 1, 2);
INSERT INTO a (rowtime, id, x) VALUES (1, 1, 7);
INSERT INTO a (rowtime, id, x) VALUES (2, 1, 3);
INSERT INTO a (rowtime, id, x) VALUES (40, 1, 8);
INSERT INTO a (rowtime, id, x) VALUES (31, 1, 9);
ASSERT VALUES both (rowtime, id, n) VALUES (0, 1, 1);
ASSERT VALUES both (rowtime, id, n, high) VALUES (30, 1, 2, 2);
