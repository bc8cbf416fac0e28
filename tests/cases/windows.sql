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
