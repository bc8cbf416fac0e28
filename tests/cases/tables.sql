--@test: a row of a table that changes group is taken back from the old group first
CREATE TABLE staff (id INT PRIMARY KEY, team STRING, pay INT) WITH (kafka_topic = 'staff', value_format = 'JSON', partitions = 1);
CREATE TABLE teams AS SELECT team, COUNT(*) AS n, SUM(pay) AS total, COLLECT_LIST(id) AS ids FROM staff GROUP BY team;
INSERT INTO staff (id, team, pay) VALUES (1, 'a', 10);
INSERT INTO staff (id, team, pay) VALUES (2, 'a', 20);
INSERT INTO staff (id, team, pay) VALUES (1, 'b', 11);
INSERT INTO staff (id, team, pay) VALUES (2, 'a', 22);
ASSERT VALUES teams (team, n, total, ids) VALUES ('a', 1, 10, ARRAY[1]);
ASSERT VALUES teams (team, n, total, ids) VALUES ('a', 2, 30, ARRAY[1, 2]);
ASSERT VALUES teams (team, n, total, ids) VALUES ('a', 1, 20, ARRAY[2]);
ASSERT VALUES teams (team, n, total, ids) VALUES ('b', 1, 11, ARRAY[1]);
ASSERT VALUES teams (team, n, total, ids) VALUES ('a', 1, 22, ARRAY[2]);

--@test: HAVING over a table takes a group back when it no longer passes
CREATE TABLE seats (seat INT PRIMARY KEY, room STRING) WITH (kafka_topic = 'seats', value_format = 'JSON', partitions = 1);
CREATE TABLE crowded AS SELECT room, COUNT(*) AS n FROM seats GROUP BY room HAVING COUNT(*) > 1;
INSERT INTO seats (seat, room) VALUES (1, 'x');
INSERT INTO seats (seat, room) VALUES (2, 'x');
INSERT INTO seats (seat, room) VALUES (1, 'y');
ASSERT VALUES crowded (room, n) VALUES ('x', 2);
ASSERT NULL VALUES crowded (room) KEY ('x');

--@test: ATTR is the value that all rows of a group have, and follows a table's changes
CREATE TABLE plants (id INT PRIMARY KEY, bed INT, kind STRING) WITH (kafka_topic = 'plants', value_format = 'JSON', partitions = 1);
CREATE TABLE beds AS SELECT bed, ATTR(kind) AS kind FROM plants GROUP BY bed;
INSERT INTO plants (id, bed, kind) VALUES (1, 7, 'rose');
INSERT INTO plants (id, bed, kind) VALUES (2, 7, 'oak');
INSERT INTO plants (id, bed, kind) VALUES (2, 8, 'oak');
ASSERT VALUES beds (bed, kind) VALUES (7, 'rose');
ASSERT VALUES beds (bed, kind) VALUES (7, NULL);
ASSERT VALUES beds (bed, kind) VALUES (7, 'rose');
ASSERT VALUES beds (bed, kind) VALUES (8, 'oak');

--@test: SUM_LIST adds up lists; COLLECT_LIST stops at its limit
SET 'ksql.functions.collect_list.limit' = '2';
CREATE STREAM carts (who STRING KEY, prices ARRAY<INT>, item STRING) WITH (kafka_topic = 'carts', value_format = 'JSON', partitions = 1);
CREATE TABLE spent AS SELECT who, SUM_LIST(prices) AS total, COLLECT_LIST(item) AS items FROM carts GROUP BY who;
INSERT INTO carts (who, prices, item) VALUES ('ann', ARRAY[1, 2], 'pen');
INSERT INTO carts (who, prices, item) VALUES ('ann', ARRAY[3, CAST(NULL AS INT)], 'ink');
INSERT INTO carts (who, prices, item) VALUES ('ann', ARRAY[4], 'pad');
ASSERT VALUES spent (who, total, items) VALUES ('ann', 3, ARRAY['pen']);
ASSERT VALUES spent (who, total, items) VALUES ('ann', 6, ARRAY['pen', 'ink']);
ASSERT VALUES spent (who, total, items) VALUES ('ann', 10, ARRAY['pen', 'ink']);

--@test: a table's filter takes back what no longer passes, and says nothing of what never did
CREATE TABLE stock (id INT PRIMARY KEY, n INT) WITH (kafka_topic = 'stock', value_format = 'JSON', partitions = 1);
CREATE TABLE low AS SELECT id, n FROM stock WHERE n < 5;
INSERT INTO stock (id, n) VALUES (2, 8);
INSERT INTO stock (id, n) VALUES (1, 3);
INSERT INTO stock (id, n) VALUES (1, 9);
INSERT INTO stock (id, n) VALUES (1, 4);
ASSERT VALUES low (id, n) VALUES (1, 3);
ASSERT NULL VALUES low (id) KEY (1);
ASSERT VALUES low (id, n) VALUES (1, 4);

--@test: nothing is inserted into a table by a query
--@expected.error: error
--@expected.message: can only be used to insert into a stream
CREATE STREAM src (id INT KEY, v INT) WITH (kafka_topic = 'src', value_format = 'JSON', partitions = 1);
CREATE TABLE counts AS SELECT id, COUNT(*) AS n FROM src GROUP BY id;
INSERT INTO counts SELECT id, CAST(v AS BIGINT) AS n FROM src;

--@test: STATE_TTL: a key that is not updated goes with a tombstone, and begins anew
CREATE STREAM seen (id INT KEY, v INT) WITH (kafka_topic = 'seen', value_format = 'JSON', partitions = 1);
CREATE TABLE lately WITH (state_ttl = '10 SECONDS') AS SELECT id, COUNT(*) AS n, SUM(v) AS total FROM seen GROUP BY id;
INSERT INTO seen (rowtime, id, v) VALUES (1000, 1, 1);
INSERT INTO seen (rowtime, id, v) VALUES (5000, 2, 5);
INSERT INTO seen (rowtime, id, v) VALUES (10999, 1, 2);
INSERT INTO seen (rowtime, id, v) VALUES (21000, 1, 3);
INSERT INTO seen (rowtime, id, v) VALUES (4000, 3, 7);
INSERT INTO seen (rowtime, id, v) VALUES (31000, 3, 8);
ASSERT VALUES lately (rowtime, id, n, total) VALUES (1000, 1, 1, 1);
ASSERT VALUES lately (rowtime, id, n, total) VALUES (5000, 2, 1, 5);
ASSERT VALUES lately (rowtime, id, n, total) VALUES (10999, 1, 2, 3);
ASSERT VALUES lately (rowtime, id, n, total) VALUES (21000, 1, 1, 3);
ASSERT NULL VALUES lately (rowtime, id) KEY (15000, 2);
ASSERT VALUES lately (rowtime, id, n, total) VALUES (4000, 3, 1, 7);
ASSERT VALUES lately (rowtime, id, n, total) VALUES (31000, 3, 1, 8);
ASSERT NULL VALUES lately (rowtime, id) KEY (31000, 1);

--@test: STATE_TTL with HAVING: rows that never passed get no tombstone
CREATE STREAM taps (id INT KEY, v INT) WITH (kafka_topic = 'taps', value_format = 'JSON', partitions = 1);
CREATE TABLE busy WITH (state_ttl = '10 SECONDS') AS SELECT id, COUNT(*) AS n FROM taps GROUP BY id HAVING COUNT(*) > 1;
INSERT INTO taps (rowtime, id, v) VALUES (0, 1, 1);
INSERT INTO taps (rowtime, id, v) VALUES (0, 2, 1);
INSERT INTO taps (rowtime, id, v) VALUES (1000, 2, 1);
INSERT INTO taps (rowtime, id, v) VALUES (60000, 3, 1);
INSERT INTO taps (rowtime, id, v) VALUES (60000, 3, 1);
ASSERT VALUES busy (id, n) VALUES (2, 2);
ASSERT NULL VALUES busy (id) KEY (2);
ASSERT VALUES busy (id, n) VALUES (3, 2);
