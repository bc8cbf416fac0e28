--@test: INNER join of streams: each row with what came before it within the window, by either side
CREATE STREAM l (id INT KEY, x INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE STREAM r (id INT KEY, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE STREAM both AS SELECT l.id AS id, l.x AS x, r.y AS y FROM l JOIN r WITHIN 10 MILLISECONDS ON l.id = r.id;
INSERT INTO l (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO l (rowtime, id, x) VALUES (5, 1, 2);
INSERT INTO r (rowtime, id, y) VALUES (10, 1, 10);
INSERT INTO r (rowtime, id, y) VALUES (12, 2, 20);
INSERT INTO l (rowtime, id, x) VALUES (20, 1, 3);
INSERT INTO r (rowtime, id, y) VALUES (31, 1, 11);
ASSERT VALUES both (rowtime, id, x, y) VALUES (10, 1, 1, 10);
ASSERT VALUES both (rowtime, id, x, y) VALUES (10, 1, 2, 10);
ASSERT VALUES both (rowtime, id, x, y) VALUES (20, 1, 3, 10);

--@test: BEFORE and AFTER of a window of streams differ
CREATE STREAM l (id INT KEY, x INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE STREAM r (id INT KEY, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE STREAM both AS SELECT l.id AS id, l.x AS x, r.y AS y FROM l JOIN r WITHIN (2 MILLISECONDS, 10 MILLISECONDS) ON l.id = r.id;
INSERT INTO r (rowtime, id, y) VALUES (7, 1, 70);
INSERT INTO r (rowtime, id, y) VALUES (8, 1, 80);
INSERT INTO l (rowtime, id, x) VALUES (10, 1, 1);
INSERT INTO r (rowtime, id, y) VALUES (20, 1, 200);
INSERT INTO r (rowtime, id, y) VALUES (21, 1, 210);
ASSERT VALUES both (rowtime, id, x, y) VALUES (10, 1, 1, 80);
ASSERT VALUES both (rowtime, id, x, y) VALUES (20, 1, 1, 200);

--@test: outer joins of streams without GRACE tell at once that a row is alone
CREATE STREAM l (id INT KEY, x INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE STREAM r (id INT KEY, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE STREAM lefts AS SELECT l.id AS id, l.x AS x, r.y AS y FROM l LEFT JOIN r WITHIN 10 MILLISECONDS ON l.id = r.id;
CREATE STREAM rights AS SELECT r.id AS id, l.x AS x, r.y AS y FROM l RIGHT JOIN r WITHIN 10 MILLISECONDS ON l.id = r.id;
CREATE STREAM fulls AS SELECT ROWKEY AS id, l.x AS x, r.y AS y FROM l FULL JOIN r WITHIN 10 MILLISECONDS ON l.id = r.id;
INSERT INTO l (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO r (rowtime, id, y) VALUES (3, 1, 10);
INSERT INTO r (rowtime, id, y) VALUES (4, 2, 20);
INSERT INTO l (rowtime, id, x) VALUES (5, 1, 2);
ASSERT VALUES lefts (rowtime, id, x) VALUES (0, 1, 1);
ASSERT VALUES lefts (rowtime, id, x, y) VALUES (3, 1, 1, 10);
ASSERT VALUES lefts (rowtime, id, x, y) VALUES (5, 1, 2, 10);
ASSERT VALUES rights (rowtime, id, x, y) VALUES (3, 1, 1, 10);
ASSERT VALUES rights (rowtime, id, y) VALUES (4, 2, 20);
ASSERT VALUES rights (rowtime, id, x, y) VALUES (5, 1, 2, 10);
ASSERT VALUES fulls (rowtime, id, x) VALUES (0, 1, 1);
ASSERT VALUES fulls (rowtime, id, x, y) VALUES (3, 1, 1, 10);
ASSERT VALUES fulls (rowtime, id, y) VALUES (4, 2, 20);
ASSERT VALUES fulls (rowtime, id, x, y) VALUES (5, 1, 2, 10);

--@test: GRACE: a row is alone when stream time has passed all that it may meet
CREATE STREAM l (id INT KEY, x INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE STREAM r (id INT KEY, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE STREAM fulls AS SELECT ROWKEY AS id, l.x AS x, r.y AS y FROM l FULL JOIN r WITHIN 10 MILLISECONDS GRACE PERIOD 5 MILLISECONDS ON l.id = r.id;
INSERT INTO l (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO l (rowtime, id, x) VALUES (1, 2, 2);
INSERT INTO r (rowtime, id, y) VALUES (9, 1, 10);
INSERT INTO r (rowtime, id, y) VALUES (12, 3, 30);
INSERT INTO l (rowtime, id, x) VALUES (16, 4, 4);
INSERT INTO l (rowtime, id, x) VALUES (17, 4, 5);
INSERT INTO r (rowtime, id, y) VALUES (27, 3, 31);
INSERT INTO r (rowtime, id, y) VALUES (28, 2, 20);
ASSERT VALUES fulls (rowtime, id, x, y) VALUES (9, 1, 1, 10);
ASSERT VALUES fulls (rowtime, id, x) VALUES (1, 2, 2);
ASSERT VALUES fulls (rowtime, id, y) VALUES (12, 3, 30);

--@test: GRACE: what comes late is met while it may be, and told alone when it comes too late
CREATE STREAM l (id INT KEY, x INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE STREAM r (id INT KEY, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE STREAM lefts AS SELECT l.id AS id, l.x AS x, r.y AS y FROM l LEFT JOIN r WITHIN 10 MILLISECONDS GRACE PERIOD 20 MILLISECONDS ON l.id = r.id;
INSERT INTO l (rowtime, id, x) VALUES (0, 1, 1);
INSERT INTO l (rowtime, id, x) VALUES (30, 2, 2);
INSERT INTO r (rowtime, id, y) VALUES (5, 1, 10);
INSERT INTO l (rowtime, id, x) VALUES (3, 1, 3);
INSERT INTO l (rowtime, id, x) VALUES (100, 2, 4);
INSERT INTO r (rowtime, id, y) VALUES (100, 9, 90);
INSERT INTO l (rowtime, id, x) VALUES (30, 3, 5);
INSERT INTO r (rowtime, id, y) VALUES (30, 3, 50);
ASSERT VALUES lefts (rowtime, id, x, y) VALUES (5, 1, 1, 10);
ASSERT VALUES lefts (rowtime, id, x, y) VALUES (5, 1, 3, 10);
ASSERT VALUES lefts (rowtime, id, x) VALUES (30, 2, 2);
ASSERT VALUES lefts (rowtime, id, x) VALUES (30, 3, 5);

--@test: streams joined on a value, and on an expression
CREATE STREAM l (id INT KEY, x INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE STREAM r (id INT KEY, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE STREAM both AS SELECT l.x AS x, l.id AS lid, r.id AS rid FROM l JOIN r WITHIN 1 SECOND ON l.x = ABS(r.y) PARTITION BY l.x;
INSERT INTO l (rowtime, id, x) VALUES (0, 1, 7);
INSERT INTO r (rowtime, id, y) VALUES (1, 2, -7);
INSERT INTO r (rowtime, id) VALUES (2, 3);
INSERT INTO l (rowtime, id, x) VALUES (3, 4, 7);
ASSERT VALUES both (rowtime, x, lid, rid) VALUES (1, 7, 1, 2);
ASSERT VALUES both (rowtime, x, lid, rid) VALUES (3, 7, 4, 2);

--@test: three streams and a table
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM b (id INT KEY, y INT) WITH (kafka_topic = 'b', value_format = 'JSON', partitions = 1);
CREATE STREAM c (id INT KEY, z INT) WITH (kafka_topic = 'c', value_format = 'JSON', partitions = 1);
CREATE TABLE t (id INT PRIMARY KEY, name STRING) WITH (kafka_topic = 't', value_format = 'JSON', partitions = 1);
CREATE STREAM all4 AS SELECT a.id AS id, a.x AS x, b.y AS y, c.z AS z, t.name AS name FROM a JOIN b WITHIN 1 SECOND ON a.id = b.id LEFT JOIN c WITHIN 1 SECOND ON a.id = c.id JOIN t ON a.id = t.id;
INSERT INTO t (rowtime, id, name) VALUES (0, 1, 'one');
INSERT INTO a (rowtime, id, x) VALUES (1, 1, 10);
INSERT INTO b (rowtime, id, y) VALUES (2, 1, 20);
INSERT INTO c (rowtime, id, z) VALUES (3, 1, 30);
INSERT INTO t (rowtime, id, name) VALUES (4, 1, 'uno');
INSERT INTO b (rowtime, id, y) VALUES (5, 1, 21);
ASSERT VALUES all4 (rowtime, id, x, y, name) VALUES (2, 1, 10, 20, 'one');
ASSERT VALUES all4 (rowtime, id, x, y, z, name) VALUES (3, 1, 10, 20, 30, 'one');
ASSERT VALUES all4 (rowtime, id, x, y, z, name) VALUES (5, 1, 10, 21, 30, 'uno');

--@test: a join behind a LEFT join on the side that may have no row is on the joined value
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE TABLE b (id INT PRIMARY KEY, y INT) WITH (kafka_topic = 'b', value_format = 'JSON', partitions = 1);
CREATE TABLE c (id INT PRIMARY KEY, z INT) WITH (kafka_topic = 'c', value_format = 'JSON', partitions = 1);
CREATE STREAM abc AS SELECT a.id AS id, b.y AS y, c.z AS z FROM a LEFT JOIN b ON a.id = b.id JOIN c ON b.id = c.id;
INSERT INTO c (rowtime, id, z) VALUES (0, 1, 30);
INSERT INTO a (rowtime, id, x) VALUES (1, 1, 10);
INSERT INTO b (rowtime, id, y) VALUES (2, 1, 20);
INSERT INTO a (rowtime, id, x) VALUES (3, 1, 11);
ASSERT VALUES abc (rowtime, id, z) VALUES (1, 1, 30);
ASSERT VALUES abc (rowtime, id, y, z) VALUES (3, 1, 20, 30);

--@test: WITHIN that ends before it begins is refused
--@expected.message: WITHIN ends before it begins
CREATE STREAM l (k INT KEY, v INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE STREAM r (k INT KEY, v INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE STREAM both AS SELECT l.k, r.v FROM l JOIN r WITHIN (1 SECOND, -2 SECONDS) ON l.k = r.k;

--@test: a GRACE PERIOD below zero is refused
--@expected.message: a GRACE PERIOD is not negative
CREATE STREAM l (k INT KEY, v INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE STREAM r (k INT KEY, v INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE STREAM both AS SELECT l.k, r.v FROM l JOIN r WITHIN 1 SECOND GRACE PERIOD -1 SECONDS ON l.k = r.k;

--@test: streams of windows of two sizes meet where windows start together, if their keys' schemas lie in a registry
CREATE STREAM clicks (k INT KEY, v INT) WITH (kafka_topic = 'clicks', value_format = 'JSON', partitions = 1);
CREATE TABLE fives WITH (kafka_topic = 'fives', key_format = 'AVRO') AS SELECT k, COUNT(*) AS n FROM clicks WINDOW TUMBLING (SIZE 5 SECONDS) GROUP BY k;
CREATE TABLE tens WITH (kafka_topic = 'tens', key_format = 'AVRO') AS SELECT k, COUNT(*) AS n FROM clicks WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY k;
CREATE STREAM f (k INT KEY, n BIGINT) WITH (kafka_topic = 'fives', key_format = 'AVRO', value_format = 'JSON', partitions = 1, window_type = 'TUMBLING', window_size = '5 SECONDS');
CREATE STREAM t (k INT KEY, n BIGINT) WITH (kafka_topic = 'tens', key_format = 'AVRO', value_format = 'JSON', partitions = 1, window_type = 'TUMBLING', window_size = '10 SECONDS');
CREATE STREAM met AS SELECT f.k AS k, f.WINDOWEND AS short, t.WINDOWEND AS long FROM f JOIN t WITHIN 1 MINUTE ON f.k = t.k;
INSERT INTO clicks (rowtime, k, v) VALUES (1000, 1, 0);
INSERT INTO clicks (rowtime, k, v) VALUES (6000, 2, 0);
ASSERT VALUES met (k, short, long) VALUES (1, 5000, 10000);

--@test: streams of windows of two sizes do not meet where keys have no registry
--@expected.message: implicit repartitioning of windowed sources is not supported
CREATE STREAM f (k INT KEY, n BIGINT) WITH (kafka_topic = 'fives', value_format = 'JSON', partitions = 1, window_type = 'TUMBLING', window_size = '5 SECONDS');
CREATE STREAM t (k INT KEY, n BIGINT) WITH (kafka_topic = 'tens', value_format = 'JSON', partitions = 1, window_type = 'TUMBLING', window_size = '10 SECONDS');
CREATE STREAM met AS SELECT f.k AS k, t.n AS n FROM f JOIN t WITHIN 1 MINUTE ON f.k = t.k;

--@test: a stream joined with itself, by its key and by another column
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM pairs AS SELECT f.id AS id, f.x AS first, s.x AS second FROM a f JOIN a s WITHIN 1 SECOND ON f.id = s.id;
CREATE STREAM again AS SELECT f.x AS x, f.ROWTIME AS first, s.ROWTIME AS second FROM a f JOIN a s WITHIN (0 SECONDS, 1 SECOND) ON f.x = s.x AND f.ROWTIME < s.ROWTIME;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 10);
INSERT INTO a (rowtime, id, x) VALUES (500, 1, 11);
INSERT INTO a (rowtime, id, x) VALUES (600, 2, 20);
INSERT INTO a (rowtime, id, x) VALUES (1000, 1, 10);
INSERT INTO a (rowtime, id, x) VALUES (9000, 1, 10);
ASSERT VALUES pairs (rowtime, id, first, second) VALUES (0, 1, 10, 10);
ASSERT VALUES pairs (rowtime, id, first, second) VALUES (500, 1, 11, 10);
ASSERT VALUES pairs (rowtime, id, first, second) VALUES (500, 1, 10, 11);
ASSERT VALUES pairs (rowtime, id, first, second) VALUES (500, 1, 11, 11);
ASSERT VALUES pairs (rowtime, id, first, second) VALUES (600, 2, 20, 20);
ASSERT VALUES pairs (rowtime, id, first, second) VALUES (1000, 1, 10, 10);
ASSERT VALUES pairs (rowtime, id, first, second) VALUES (1000, 1, 10, 11);
ASSERT VALUES pairs (rowtime, id, first, second) VALUES (1000, 1, 10, 10);
ASSERT VALUES pairs (rowtime, id, first, second) VALUES (1000, 1, 11, 10);
ASSERT VALUES pairs (rowtime, id, first, second) VALUES (1000, 1, 10, 10);
ASSERT VALUES pairs (rowtime, id, first, second) VALUES (9000, 1, 10, 10);
ASSERT VALUES again (rowtime, x, first, second) VALUES (1000, 10, 0, 1000);

--@test: a stream's rows without another one of their own
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE STREAM alone AS SELECT f.id AS id, f.x AS x, s.x AS next FROM a f LEFT JOIN (SELECT * FROM a WHERE x > 10) s WITHIN (0 SECONDS, 1 SECOND) GRACE PERIOD 0 SECONDS ON f.id = s.id;
INSERT INTO a (rowtime, id, x) VALUES (0, 1, 10);
INSERT INTO a (rowtime, id, x) VALUES (500, 1, 11);
INSERT INTO a (rowtime, id, x) VALUES (5000, 1, 9);
INSERT INTO a (rowtime, id, x) VALUES (9000, 1, 12);
ASSERT VALUES alone (rowtime, id, x, next) VALUES (500, 1, 10, 11);
ASSERT VALUES alone (rowtime, id, x, next) VALUES (500, 1, 11, 11);
ASSERT VALUES alone (rowtime, id, x, next) VALUES (5000, 1, 9, NULL);
ASSERT VALUES alone (rowtime, id, x, next) VALUES (9000, 1, 12, 12);

--@test: streams joined on several columns meet by the one that is their key
CREATE STREAM l (id INT KEY, x INT, v INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE STREAM r (id INT KEY, x INT, w INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE STREAM both AS SELECT l.id AS id, l.x AS x, v, w FROM l JOIN r WITHIN 1 SECOND ON l.x = r.x AND l.id = r.id;
INSERT INTO l (rowtime, id, x, v) VALUES (0, 1, 10, 100);
INSERT INTO r (rowtime, id, x, w) VALUES (1, 1, 11, 200);
INSERT INTO r (rowtime, id, x, w) VALUES (2, 1, 10, 201);
INSERT INTO r (rowtime, id, w) VALUES (3, 1, 202);
INSERT INTO l (rowtime, id, v) VALUES (4, 1, 101);
ASSERT VALUES both (rowtime, id, x, v, w) VALUES (2, 1, 10, 100, 201);

--@test: LEFT and FULL joins of streams: a row that finds none for which ON holds goes on alone when its window closes
CREATE STREAM l (id INT KEY, x INT) WITH (kafka_topic = 'l', value_format = 'JSON', partitions = 1);
CREATE STREAM r (id INT KEY, y INT) WITH (kafka_topic = 'r', value_format = 'JSON', partitions = 1);
CREATE STREAM lefts AS SELECT l.id AS id, x, y FROM l LEFT JOIN r WITHIN 10 MILLISECONDS GRACE PERIOD 0 MILLISECONDS ON l.id = r.id AND l.x = r.y;
CREATE STREAM fulls AS SELECT ROWKEY AS id, x, y FROM l FULL JOIN r WITHIN 10 MILLISECONDS GRACE PERIOD 0 MILLISECONDS ON l.id = r.id AND 100 / (l.x - r.y) > 10;
INSERT INTO l (rowtime, id, x) VALUES (0, 1, 10);
INSERT INTO r (rowtime, id, y) VALUES (1, 1, 11);
INSERT INTO r (rowtime, id, y) VALUES (2, 1, 10);
INSERT INTO l (rowtime, id, x) VALUES (3, 1, 12);
INSERT INTO l (rowtime, id, x) VALUES (100, 1, 1);
ASSERT VALUES lefts (rowtime, id, x, y) VALUES (2, 1, 10, 10);
ASSERT VALUES lefts (rowtime, id, x) VALUES (3, 1, 12);
ASSERT VALUES fulls (rowtime, id, x, y) VALUES (3, 1, 12, 11);
ASSERT VALUES fulls (rowtime, id, x, y) VALUES (3, 1, 12, 10);
ASSERT VALUES fulls (rowtime, id, x) VALUES (0, 1, 10);
