--@test: TUMBLING windows count by rowtime; the key carries the window
CREATE STREAM clicks (who STRING KEY, url STRING) WITH (kafka_topic = 'clicks', value_format = 'JSON', partitions = 1);
CREATE TABLE minutes AS SELECT who, COUNT(*) AS n FROM clicks WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY who;
INSERT INTO clicks (rowtime, who, url) VALUES (1000, 'ann', '/');
INSERT INTO clicks (rowtime, who, url) VALUES (9999, 'ann', '/a');
INSERT INTO clicks (rowtime, who, url) VALUES (10000, 'ann', '/b');
INSERT INTO clicks (rowtime, who, url) VALUES (5000, 'ann', '/late');
ASSERT VALUES minutes (windowstart, windowend, who, n) VALUES (0, 10000, 'ann', 1);
ASSERT VALUES minutes (windowstart, windowend, who, n) VALUES (0, 10000, 'ann', 2);
ASSERT VALUES minutes (windowstart, windowend, who, n) VALUES (10000, 20000, 'ann', 1);
ASSERT VALUES minutes (windowstart, windowend, who, n) VALUES (0, 10000, 'ann', 3);

--@test: HOPPING windows with GRACE PERIOD and RETENTION; a row too late is left out
CREATE STREAM temps (sensor INT KEY, c DOUBLE) WITH (kafka_topic = 'temps', value_format = 'JSON', partitions = 1);
CREATE TABLE means AS SELECT sensor, AVG(c) AS mean FROM temps WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS, RETENTION 1 HOUR, GRACE PERIOD 2 SECONDS) GROUP BY sensor;
INSERT INTO temps (rowtime, sensor, c) VALUES (7000, 1, 10.0);
INSERT INTO temps (rowtime, sensor, c) VALUES (11000, 1, 20.0);
INSERT INTO temps (rowtime, sensor, c) VALUES (8000, 1, 30.0);
INSERT INTO temps (rowtime, sensor, c) VALUES (13000, 1, 40.0);
INSERT INTO temps (rowtime, sensor, c) VALUES (9000, 1, 50.0);
ASSERT VALUES means (windowstart, windowend, sensor, mean) VALUES (0, 10000, 1, 10.0);
ASSERT VALUES means (windowstart, windowend, sensor, mean) VALUES (5000, 15000, 1, 10.0);
ASSERT VALUES means (windowstart, windowend, sensor, mean) VALUES (5000, 15000, 1, 15.0);
ASSERT VALUES means (windowstart, windowend, sensor, mean) VALUES (10000, 20000, 1, 20.0);
ASSERT VALUES means (windowstart, windowend, sensor, mean) VALUES (0, 10000, 1, 20.0);
ASSERT VALUES means (windowstart, windowend, sensor, mean) VALUES (5000, 15000, 1, 20.0);
ASSERT VALUES means (windowstart, windowend, sensor, mean) VALUES (5000, 15000, 1, 25.0);
ASSERT VALUES means (windowstart, windowend, sensor, mean) VALUES (10000, 20000, 1, 30.0);
ASSERT VALUES means (windowstart, windowend, sensor, mean) VALUES (5000, 15000, 1, 30.0);

--@test: EMIT FINAL says a window once, when stream time has passed its end and grace
CREATE STREAM hits (host STRING KEY, ms INT) WITH (kafka_topic = 'hits', value_format = 'JSON', partitions = 1);
CREATE TABLE finals AS SELECT host, COUNT(*) AS n, MAX(ms) AS worst FROM hits WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 0 SECONDS) GROUP BY host EMIT FINAL;
INSERT INTO hits (rowtime, host, ms) VALUES (1000, 'h', 3);
INSERT INTO hits (rowtime, host, ms) VALUES (2000, 'h', 9);
INSERT INTO hits (rowtime, host, ms) VALUES (12000, 'h', 1);
INSERT INTO hits (rowtime, host, ms) VALUES (3000, 'h', 99);
INSERT INTO hits (rowtime, host, ms) VALUES (25000, 'h', 2);
ASSERT VALUES finals (windowstart, host, n, worst) VALUES (0, 'h', 2, 9);
ASSERT VALUES finals (windowstart, host, n, worst) VALUES (10000, 'h', 1, 1);

--@test: SESSION windows grow, bridge and take back; each end of a session is a tombstone
CREATE STREAM visits (who STRING KEY, page STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', partitions = 1);
CREATE TABLE sessions AS SELECT who, COUNT(*) AS n, WINDOWEND - WINDOWSTART AS lasted FROM visits WINDOW SESSION (10 SECONDS) GROUP BY who;
INSERT INTO visits (rowtime, who, page) VALUES (1000, 'ann', '/');
INSERT INTO visits (rowtime, who, page) VALUES (20000, 'ann', '/a');
INSERT INTO visits (rowtime, who, page) VALUES (11000, 'ann', '/b');
INSERT INTO visits (rowtime, who, page) VALUES (11500, 'bob', '/');
INSERT INTO visits (rowtime, who, page) VALUES (11500, 'bob', '/');
ASSERT VALUES sessions (windowstart, windowend, who, n, lasted) VALUES (1000, 1000, 'ann', 1, 0);
ASSERT VALUES sessions (windowstart, windowend, who, n, lasted) VALUES (20000, 20000, 'ann', 1, 0);
ASSERT NULL VALUES sessions (windowstart, windowend, who) KEY (1000, 1000, 'ann');
ASSERT NULL VALUES sessions (windowstart, windowend, who) KEY (20000, 20000, 'ann');
ASSERT VALUES sessions (windowstart, windowend, who, n, lasted) VALUES (1000, 20000, 'ann', 3, 19000);
ASSERT VALUES sessions (windowstart, windowend, who, n, lasted) VALUES (11500, 11500, 'bob', 1, 0);
ASSERT VALUES sessions (windowstart, windowend, who, n, lasted) VALUES (11500, 11500, 'bob', 2, 0);

--@test: SESSION windows with GRACE PERIOD: a late row counts where it joins a session that is open
CREATE STREAM taps (id INT KEY, v INT) WITH (kafka_topic = 'taps', value_format = 'JSON', partitions = 1);
CREATE TABLE bursts AS SELECT id, COLLECT_LIST(v) AS vs, MAX(v) AS top FROM taps WINDOW SESSION (10 SECONDS, GRACE PERIOD 5 SECONDS) GROUP BY id;
INSERT INTO taps (rowtime, id, v) VALUES (10000, 1, 1);
INSERT INTO taps (rowtime, id, v) VALUES (30000, 1, 2);
INSERT INTO taps (rowtime, id, v) VALUES (14000, 1, 3);
INSERT INTO taps (rowtime, id, v) VALUES (16000, 1, 4);
INSERT INTO taps (rowtime, id, v) VALUES (21000, 1, 5);
ASSERT VALUES bursts (windowstart, windowend, id, vs, top) VALUES (10000, 10000, 1, ARRAY[1], 1);
ASSERT VALUES bursts (windowstart, windowend, id, vs, top) VALUES (30000, 30000, 1, ARRAY[2], 2);
ASSERT VALUES bursts (windowstart, windowend, id, vs, top) VALUES (16000, 16000, 1, ARRAY[4], 4);
ASSERT NULL VALUES bursts (windowstart, windowend, id) KEY (16000, 16000, 1);
ASSERT NULL VALUES bursts (windowstart, windowend, id) KEY (30000, 30000, 1);
ASSERT VALUES bursts (windowstart, windowend, id, vs, top) VALUES (16000, 30000, 1, ARRAY[4, 2, 5], 5);

--@test: SESSION windows that a row brings together: the earliest and the latest by arrival, not by session
CREATE STREAM knocks (id INT KEY, v INT, w STRING) WITH (kafka_topic = 'knocks', value_format = 'JSON', partitions = 1);
CREATE TABLE ends AS
  SELECT id, EARLIEST_BY_OFFSET(v) AS first, EARLIEST_BY_OFFSET(w, false) AS first_w, LATEST_BY_OFFSET(v) AS last, LATEST_BY_OFFSET(w) AS last_w
  FROM knocks WINDOW SESSION (10 SECONDS) GROUP BY id;
CREATE TABLE several AS
  SELECT id, EARLIEST_BY_OFFSET(v, 2) AS first, LATEST_BY_OFFSET(v, 3) AS last, EARLIEST_BY_OFFSET(w, 2, false) AS first_w, LATEST_BY_OFFSET(w, 2) AS last_w
  FROM knocks WINDOW SESSION (10 SECONDS) GROUP BY id HAVING COUNT(*) > 4;
INSERT INTO knocks (rowtime, id, v, w) VALUES (30000, 1, 1, NULL);
INSERT INTO knocks (rowtime, id, v, w) VALUES (10000, 1, 2, 'b');
INSERT INTO knocks (rowtime, id, v, w) VALUES (31000, 1, 3, 'c');
INSERT INTO knocks (rowtime, id, v, w) VALUES (11000, 1, 4, 'd');
INSERT INTO knocks (rowtime, id, v, w) VALUES (20500, 1, 5, NULL);
ASSERT VALUES ends (windowstart, windowend, id, first, last) VALUES (30000, 30000, 1, 1, 1);
ASSERT VALUES ends (windowstart, windowend, id, first, first_w, last, last_w) VALUES (10000, 10000, 1, 2, 'b', 2, 'b');
ASSERT NULL VALUES ends (windowstart, windowend, id) KEY (30000, 30000, 1);
ASSERT VALUES ends (windowstart, windowend, id, first, last, last_w) VALUES (30000, 31000, 1, 1, 3, 'c');
ASSERT NULL VALUES ends (windowstart, windowend, id) KEY (10000, 10000, 1);
ASSERT VALUES ends (windowstart, windowend, id, first, first_w, last, last_w) VALUES (10000, 11000, 1, 2, 'b', 4, 'd');
ASSERT NULL VALUES ends (windowstart, windowend, id) KEY (10000, 11000, 1);
ASSERT NULL VALUES ends (windowstart, windowend, id) KEY (30000, 31000, 1);
ASSERT VALUES ends (windowstart, windowend, id, first, last, last_w) VALUES (10000, 31000, 1, 1, 5, 'd');
ASSERT VALUES several (windowstart, windowend, id, first, last, first_w, last_w) VALUES (10000, 31000, 1, ARRAY[1, 2], ARRAY[3, 4, 5], ARRAY[NULL, 'b'], ARRAY['c', 'd']);

--@test: SESSION windows with EMIT FINAL say a session once, when the gap and grace have passed
CREATE STREAM beats (host STRING KEY, ms INT) WITH (kafka_topic = 'beats', value_format = 'JSON', partitions = 1);
CREATE TABLE alive AS SELECT host, COUNT(*) AS n, SUM(ms) AS total FROM beats WINDOW SESSION (10 SECONDS) GROUP BY host HAVING COUNT(*) > 1 EMIT FINAL;
INSERT INTO beats (rowtime, host, ms) VALUES (1000, 'h', 3);
INSERT INTO beats (rowtime, host, ms) VALUES (9000, 'h', 4);
INSERT INTO beats (rowtime, host, ms) VALUES (9500, 'g', 5);
INSERT INTO beats (rowtime, host, ms) VALUES (30000, 'i', 1);
INSERT INTO beats (rowtime, host, ms) VALUES (9600, 'g', 5);
ASSERT VALUES alive (windowstart, windowend, host, n, total) VALUES (1000, 9000, 'h', 2, 7);

--@test: a session's table is read as a stream of windowed keys, and its bounds stand in expressions
CREATE STREAM plays (who INT KEY, song STRING) WITH (kafka_topic = 'plays', value_format = 'JSON', partitions = 1);
CREATE TABLE listening AS SELECT who, COUNT(*) AS n FROM plays WINDOW SESSION (5 SECONDS) GROUP BY who HAVING COUNT(*) > 1;
CREATE STREAM listened (who INT KEY, n BIGINT) WITH (kafka_topic = 'LISTENING', value_format = 'JSON', window_type = 'SESSION', partitions = 1);
CREATE STREAM long AS SELECT who, n, WINDOWEND - WINDOWSTART AS ms FROM listened WHERE WINDOWEND > WINDOWSTART;
INSERT INTO plays (rowtime, who, song) VALUES (0, 7, 'a');
INSERT INTO plays (rowtime, who, song) VALUES (4000, 7, 'b');
ASSERT VALUES listening (windowstart, windowend, who, n) VALUES (0, 4000, 7, 2);
ASSERT VALUES long (windowstart, windowend, who, n, ms) VALUES (0, 4000, 7, 2, 4000);

--@test: HOPPING windows of any number of partitions
CREATE STREAM pulses (id INT KEY, v INT) WITH (kafka_topic = 'pulses', value_format = 'JSON', partitions = 1);
CREATE TABLE waves AS SELECT id, COUNT(*) AS n, SUM(v) AS total FROM pulses WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS) GROUP BY id;
INSERT INTO pulses (rowtime, id, v) VALUES (7000, 1, 1);
INSERT INTO pulses (rowtime, id, v) VALUES (3000, 2, 2);
INSERT INTO pulses (rowtime, id, v) VALUES (8000, 1, 3);
ASSERT VALUES waves (windowstart, windowend, id, n, total) VALUES (0, 10000, 1, 1, 1);
ASSERT VALUES waves (windowstart, windowend, id, n, total) VALUES (5000, 15000, 1, 1, 1);
ASSERT VALUES waves (windowstart, windowend, id, n, total) VALUES (0, 10000, 2, 1, 2);
ASSERT VALUES waves (windowstart, windowend, id, n, total) VALUES (0, 10000, 1, 2, 4);
ASSERT VALUES waves (windowstart, windowend, id, n, total) VALUES (5000, 15000, 1, 2, 4);

--@test: HOPPING windows with EMIT FINAL, where every partition moves on
CREATE STREAM ticks (id INT KEY, v INT) WITH (kafka_topic = 'ticks', value_format = 'JSON', partitions = 1);
CREATE TABLE done AS SELECT id, SUM(v) AS total FROM ticks WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS) GROUP BY id EMIT FINAL;
INSERT INTO ticks (rowtime, id, v) VALUES (7000, 1, 1);
INSERT INTO ticks (rowtime, id, v) VALUES (8000, 2, 2);
INSERT INTO ticks (rowtime, id, v) VALUES (9000, 3, 3);
INSERT INTO ticks (rowtime, id, v) VALUES (9500, 2, 4);
INSERT INTO ticks (rowtime, id, v) VALUES (12000, 1, 5);
INSERT INTO ticks (rowtime, id, v) VALUES (12000, 2, 6);
INSERT INTO ticks (rowtime, id, v) VALUES (12000, 3, 7);
ASSERT VALUES done (windowstart, windowend, id, total) VALUES (0, 10000, 1, 1);
ASSERT VALUES done (windowstart, windowend, id, total) VALUES (0, 10000, 2, 6);
ASSERT VALUES done (windowstart, windowend, id, total) VALUES (0, 10000, 3, 3);

--@test: CUMULATIVE windows share a start and grow by STEP up to SIZE; keys carry both bounds
CREATE STREAM sales (shop STRING KEY, eur INT) WITH (kafka_topic = 'sales', value_format = 'JSON', partitions = 1);
CREATE TABLE sofar AS SELECT shop, SUM(eur) AS eur FROM sales WINDOW CUMULATIVE (SIZE 30 SECONDS, STEP 10 SECONDS) GROUP BY shop;
INSERT INTO sales (rowtime, shop, eur) VALUES (12000, 'a', 1);
INSERT INTO sales (rowtime, shop, eur) VALUES (9000, 'a', 2);
INSERT INTO sales (rowtime, shop, eur) VALUES (30000, 'a', 4);
ASSERT VALUES sofar (windowstart, windowend, shop, eur) VALUES (0, 20000, 'a', 1);
ASSERT VALUES sofar (windowstart, windowend, shop, eur) VALUES (0, 30000, 'a', 1);
ASSERT VALUES sofar (windowstart, windowend, shop, eur) VALUES (0, 10000, 'a', 2);
ASSERT VALUES sofar (windowstart, windowend, shop, eur) VALUES (0, 20000, 'a', 3);
ASSERT VALUES sofar (windowstart, windowend, shop, eur) VALUES (0, 30000, 'a', 3);
ASSERT VALUES sofar (windowstart, windowend, shop, eur) VALUES (30000, 40000, 'a', 4);
ASSERT VALUES sofar (windowstart, windowend, shop, eur) VALUES (30000, 50000, 'a', 4);
ASSERT VALUES sofar (windowstart, windowend, shop, eur) VALUES (30000, 60000, 'a', 4);

--@test: CUMULATIVE windows with EMIT FINAL: each says its result once, when its own end and grace have passed
CREATE STREAM takings (shop STRING KEY, eur INT) WITH (kafka_topic = 'takings', value_format = 'JSON', partitions = 1);
CREATE TABLE hourly AS SELECT shop, SUM(eur) AS eur FROM takings WINDOW CUMULATIVE (SIZE 30 SECONDS, STEP 10 SECONDS, GRACE PERIOD 5 SECONDS) GROUP BY shop EMIT FINAL;
INSERT INTO takings (rowtime, shop, eur) VALUES (1000, 'a', 1);
INSERT INTO takings (rowtime, shop, eur) VALUES (14000, 'a', 2);
INSERT INTO takings (rowtime, shop, eur) VALUES (3000, 'a', 4);
INSERT INTO takings (rowtime, shop, eur) VALUES (15000, 'b', 8);
INSERT INTO takings (rowtime, shop, eur) VALUES (4000, 'a', 16);
INSERT INTO takings (rowtime, shop, eur) VALUES (70000, 'a', 32);
ASSERT VALUES hourly (windowstart, windowend, shop, eur) VALUES (0, 10000, 'a', 5);
ASSERT VALUES hourly (windowstart, windowend, shop, eur) VALUES (0, 20000, 'a', 23);
ASSERT VALUES hourly (windowstart, windowend, shop, eur) VALUES (0, 20000, 'b', 8);
ASSERT VALUES hourly (windowstart, windowend, shop, eur) VALUES (0, 30000, 'a', 23);
ASSERT VALUES hourly (windowstart, windowend, shop, eur) VALUES (0, 30000, 'b', 8);

--@test: CUMULATIVE windows: SIZE is a multiple of STEP
--@expected.error: error
--@expected.message: SIZE must be a multiple of STEP
CREATE STREAM receipts (shop STRING KEY, eur INT) WITH (kafka_topic = 'receipts', value_format = 'JSON', partitions = 1);
CREATE TABLE uneven AS SELECT shop, SUM(eur) AS eur FROM receipts WINDOW CUMULATIVE (SIZE 30 SECONDS, STEP 20 SECONDS) GROUP BY shop;

--@test: CUMULATIVE windows whose STEP is their SIZE still have both bounds
CREATE STREAM till (shop STRING KEY, eur INT) WITH (kafka_topic = 'till', value_format = 'JSON', partitions = 1);
CREATE TABLE whole AS SELECT shop, SUM(eur) AS eur FROM till WINDOW CUMULATIVE (SIZE 10 SECONDS, STEP 10 SECONDS) GROUP BY shop;
INSERT INTO till (rowtime, shop, eur) VALUES (12000, 'a', 1);
INSERT INTO till (rowtime, shop, eur) VALUES (13000, 'a', 2);
ASSERT VALUES whole (windowstart, windowend, shop, eur) VALUES (10000, 20000, 'a', 1);
ASSERT VALUES whole (windowstart, windowend, shop, eur) VALUES (10000, 20000, 'a', 3);

--@test: WINDOW over a stream whose keys carry windows: by its rows' time, not by its keys' windows
CREATE STREAM a (id INT KEY, x INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
CREATE TABLE m WITH (kafka_topic = 'm') AS SELECT id, COUNT(*) AS n FROM a WINDOW TUMBLING (SIZE 10 MILLISECONDS) GROUP BY id;
CREATE STREAM ms (id INT KEY, n BIGINT) WITH (kafka_topic = 'm', value_format = 'JSON', partitions = 1, window_type = 'TUMBLING', window_size = '10 MILLISECONDS');
CREATE TABLE longer AS SELECT id, MAX(n) AS most, MAX(WINDOWSTART) AS latest FROM ms WINDOW TUMBLING (SIZE 20 MILLISECONDS) GROUP BY id;
CREATE TABLE spells AS SELECT id, MAX(n) AS most FROM ms WINDOW SESSION (12 MILLISECONDS) GROUP BY id;
CREATE TABLE hops AS SELECT id, MAX(n) AS most FROM ms WINDOW HOPPING (SIZE 20 MILLISECONDS, ADVANCE BY 10 MILLISECONDS) GROUP BY id;
INSERT INTO a (rowtime, id, x) VALUES (1, 1, 1);
INSERT INTO a (rowtime, id, x) VALUES (1, 1, 2);
INSERT INTO a (rowtime, id, x) VALUES (13, 1, 9);
INSERT INTO a (rowtime, id, x) VALUES (40, 1, 4);
ASSERT VALUES m (rowtime, id, windowstart, n) VALUES (1, 1, 0, 1);
ASSERT VALUES m (rowtime, id, windowstart, n) VALUES (1, 1, 0, 2);
ASSERT VALUES m (rowtime, id, windowstart, n) VALUES (13, 1, 10, 1);
ASSERT VALUES m (rowtime, id, windowstart, n) VALUES (40, 1, 40, 1);
ASSERT VALUES longer (rowtime, id, windowstart, most, latest) VALUES (1, 1, 0, 1, 0);
ASSERT VALUES longer (rowtime, id, windowstart, most, latest) VALUES (1, 1, 0, 2, 0);
ASSERT VALUES longer (rowtime, id, windowstart, most, latest) VALUES (13, 1, 0, 2, 10);
ASSERT VALUES longer (rowtime, id, windowstart, most, latest) VALUES (40, 1, 40, 1, 40);
ASSERT VALUES spells (rowtime, id, windowend, windowstart, most) VALUES (1, 1, 1, 1, 1);
ASSERT VALUES spells (rowtime, id, windowend, windowstart, most) VALUES (1, 1, 1, 1, 2);
ASSERT NULL VALUES spells (rowtime, id, windowend, windowstart) KEY (1, 1, 1, 1);
ASSERT VALUES spells (rowtime, id, windowend, windowstart, most) VALUES (13, 1, 13, 1, 2);
ASSERT VALUES spells (rowtime, id, windowend, windowstart, most) VALUES (40, 1, 40, 40, 1);
ASSERT VALUES hops (rowtime, id, windowstart, most) VALUES (1, 1, 0, 1);
ASSERT VALUES hops (rowtime, id, windowstart, most) VALUES (1, 1, 0, 2);
ASSERT VALUES hops (rowtime, id, windowstart, most) VALUES (13, 1, 0, 2);
ASSERT VALUES hops (rowtime, id, windowstart, most) VALUES (13, 1, 10, 1);
ASSERT VALUES hops (rowtime, id, windowstart, most) VALUES (40, 1, 30, 1);
ASSERT VALUES hops (rowtime, id, windowstart, most) VALUES (40, 1, 40, 1);
