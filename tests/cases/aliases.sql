--@test: GROUP BY and HAVING by names and places of SELECT's items, and by all of them
CREATE STREAM orders (id INT KEY, who STRING, city STRING, amount INT) WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 1);
CREATE TABLE per AS SELECT UCASE(who) AS u, COUNT(*) AS n, SUM(amount) AS total FROM orders GROUP BY u HAVING n > 1 AND total > 3;
CREATE TABLE places WITH (key_format = 'JSON') AS SELECT COUNT(*) AS n, who, city AS c FROM orders GROUP BY 2, 3;
CREATE TABLE every WITH (key_format = 'JSON') AS SELECT who, SUM(amount) AS total, city FROM orders GROUP BY ALL;
CREATE TABLE hides WITH (key_format = 'JSON') AS SELECT who AS city, city AS c, COUNT(*) AS n FROM orders GROUP BY city, who;
INSERT INTO orders (rowtime, id, who, city, amount) VALUES (0, 1, 'ann', 'Oslo', 2);
INSERT INTO orders (rowtime, id, who, city, amount) VALUES (1, 2, 'ann', 'Oslo', 3);
INSERT INTO orders (rowtime, id, who, city, amount) VALUES (2, 3, 'bob', 'Voss', 9);
ASSERT VALUES per (rowtime, u, n, total) VALUES (1, 'ANN', 2, 5);
ASSERT VALUES places (rowtime, who, c, n) VALUES (0, 'ann', 'Oslo', 1);
ASSERT VALUES places (rowtime, who, c, n) VALUES (1, 'ann', 'Oslo', 2);
ASSERT VALUES places (rowtime, who, c, n) VALUES (2, 'bob', 'Voss', 1);
ASSERT VALUES every (rowtime, who, city, total) VALUES (0, 'ann', 'Oslo', 2);
ASSERT VALUES every (rowtime, who, city, total) VALUES (1, 'ann', 'Oslo', 5);
ASSERT VALUES every (rowtime, who, city, total) VALUES (2, 'bob', 'Voss', 9);
ASSERT VALUES hides (rowtime, city, c, n) VALUES (0, 'ann', 'Oslo', 1);

--@test: HAVING by the name of an aggregate that a column has too
CREATE STREAM orders (id INT KEY, who STRING, amount INT) WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 1);
CREATE TABLE per AS SELECT who, SUM(amount) AS amount FROM orders GROUP BY who HAVING amount > 4 AND MAX(amount) < 4;
INSERT INTO orders (rowtime, id, who, amount) VALUES (0, 1, 'ann', 2), (1, 2, 'ann', 3);
ASSERT VALUES per (rowtime, who, amount) VALUES (1, 'ann', 5);

--@test: a window's bounds group anyway; a place that aggregates is a constant
CREATE STREAM clicks (id INT KEY, page STRING) WITH (kafka_topic = 'clicks', value_format = 'JSON', partitions = 1);
CREATE TABLE pages AS SELECT WINDOWSTART AS s, page AS p, COUNT(*) AS n FROM clicks WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY 1, 2;
CREATE TABLE allpages AS SELECT WINDOWSTART AS s, page AS p, COUNT(*) AS n FROM clicks WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY ALL;
CREATE TABLE constant AS SELECT 1 AS k, COUNT(*) AS n FROM clicks GROUP BY 1;
INSERT INTO clicks (rowtime, id, page) VALUES (10000, 1, 'x');
INSERT INTO clicks (rowtime, id, page) VALUES (12000, 1, 'x');
ASSERT VALUES pages (rowtime, windowstart, windowend, p, s, n) VALUES (10000, 10000, 20000, 'x', 10000, 1);
ASSERT VALUES pages (rowtime, windowstart, windowend, p, s, n) VALUES (12000, 10000, 20000, 'x', 10000, 2);
ASSERT VALUES allpages (rowtime, windowstart, windowend, p, s, n) VALUES (10000, 10000, 20000, 'x', 10000, 1);
ASSERT VALUES allpages (rowtime, windowstart, windowend, p, s, n) VALUES (12000, 10000, 20000, 'x', 10000, 2);
ASSERT VALUES constant (rowtime, k, n) VALUES (10000, 1, 1);
ASSERT VALUES constant (rowtime, k, n) VALUES (12000, 1, 2);

--@test: WHERE, PARTITION BY, later items and sub-queries by names of SELECT's items
CREATE STREAM orders (who STRING KEY, amount INT) WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 1);
CREATE TABLE names (name STRING PRIMARY KEY, n INT) WITH (kafka_topic = 'names', value_format = 'JSON', partitions = 1);
CREATE STREAM twice AS SELECT UCASE(who) AS u, amount * 2 AS d, d + 1 AS e FROM orders WHERE d > 4 PARTITION BY u;
CREATE STREAM known AS SELECT who AS w, amount FROM orders WHERE w IN (SELECT name AS l FROM names GROUP BY l);
INSERT INTO names (rowtime, name, n) VALUES (0, 'ann', 1);
INSERT INTO orders (rowtime, who, amount) VALUES (1, 'ann', 2);
INSERT INTO orders (rowtime, who, amount) VALUES (2, 'bob', 3);
ASSERT VALUES twice (rowtime, u, d, e) VALUES (2, 'BOB', 6, 7);
ASSERT VALUES known (rowtime, w, amount) VALUES (1, 'ann', 2);

--@test: stars without some columns, and with others in their places
CREATE STREAM orders (id INT KEY, who STRING, city STRING, amount INT) WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 1);
CREATE TABLE names (who STRING PRIMARY KEY, name STRING) WITH (kafka_topic = 'names', value_format = 'JSON', partitions = 1);
CREATE STREAM less AS SELECT * EXCLUDE (city) REPLACE (amount * 2 AS amount, UCASE(who) AS who) FROM orders;
CREATE STREAM moved AS SELECT * EXCLUDE id FROM orders PARTITION BY who;
CREATE STREAM bought (who STRING KEY, id INT, city STRING, amount INT) WITH (kafka_topic = 'bought', value_format = 'JSON', partitions = 1);
CREATE STREAM joined AS SELECT * EXCEPT (o_city, name), n.name AS called FROM bought o JOIN names n ON o.who = n.who;
CREATE TABLE every WITH (key_format = 'JSON') AS SELECT * EXCLUDE (id, amount) REPLACE (LCASE(city) AS city), COUNT(*) AS n FROM orders GROUP BY ALL;
INSERT INTO names (rowtime, who, name) VALUES (0, 'ann', 'Ann');
INSERT INTO orders (rowtime, id, who, city, amount) VALUES (1, 1, 'ann', 'Oslo', 2);
INSERT INTO bought (rowtime, who, id, city, amount) VALUES (1, 'ann', 1, 'Oslo', 2);
ASSERT VALUES less (rowtime, id, who, amount) VALUES (1, 1, 'ANN', 4);
ASSERT VALUES moved (rowtime, who, city, amount) VALUES (1, 'ann', 'Oslo', 2);
ASSERT VALUES joined (rowtime, o_who, o_id, o_amount, n_who, called) VALUES (1, 'ann', 1, 2, 'ann', 'Ann');
ASSERT VALUES every (rowtime, who, city, n) VALUES (1, 'ann', 'oslo', 1);
