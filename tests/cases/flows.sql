--@test: PARTITION BY gives a record another key
CREATE STREAM calls (id INT KEY, caller STRING, secs INT) WITH (kafka_topic = 'calls', value_format = 'JSON', partitions = 1);
CREATE STREAM by_caller AS SELECT caller, id, secs FROM calls PARTITION BY caller;
INSERT INTO calls (id, caller, secs) VALUES (1, 'ann', 10);
INSERT INTO calls (id, caller, secs) VALUES (2, 'bob', 20);
ASSERT STREAM by_caller (caller STRING KEY, id INT, secs INT) WITH (kafka_topic = 'BY_CALLER', value_format = 'JSON');
ASSERT VALUES by_caller (caller, id, secs) VALUES ('ann', 1, 10);
ASSERT VALUES by_caller (caller, id, secs) VALUES ('bob', 2, 20);

--@test: INSERT INTO SELECT writes several sources into one stream
CREATE STREAM north (id INT KEY, v INT) WITH (kafka_topic = 'north', value_format = 'JSON', partitions = 1);
CREATE STREAM south (id INT KEY, v INT) WITH (kafka_topic = 'south', value_format = 'JSON', partitions = 1);
CREATE STREAM both_ways (id INT KEY, v INT) WITH (kafka_topic = 'both', value_format = 'JSON', partitions = 1);
INSERT INTO both_ways SELECT id, v FROM north;
INSERT INTO both_ways SELECT id, v * 10 AS v FROM south;
INSERT INTO north (id, v) VALUES (1, 1);
INSERT INTO south (id, v) VALUES (2, 2);
INSERT INTO north (id, v) VALUES (3, 3);
ASSERT VALUES both_ways (id, v) VALUES (1, 1);
ASSERT VALUES both_ways (id, v) VALUES (2, 20);
ASSERT VALUES both_ways (id, v) VALUES (3, 3);

--@test: queries read what other queries write
CREATE STREAM lines (id INT KEY, level STRING, host STRING) WITH (kafka_topic = 'lines', value_format = 'JSON', partitions = 1);
CREATE STREAM bad AS SELECT id, host FROM lines WHERE level = 'ERROR';
CREATE STREAM bad_by_host AS SELECT host, id FROM bad PARTITION BY host;
CREATE TABLE bad_hosts AS SELECT host, COUNT(*) AS n FROM bad_by_host GROUP BY host;
CREATE TABLE noisy AS SELECT host, n FROM bad_hosts WHERE n > 1;
INSERT INTO lines (id, level, host) VALUES (1, 'ERROR', 'a');
INSERT INTO lines (id, level, host) VALUES (2, 'INFO', 'a');
INSERT INTO lines (id, level, host) VALUES (3, 'ERROR', 'b');
INSERT INTO lines (id, level, host) VALUES (4, 'ERROR', 'a');
ASSERT VALUES bad (id, host) VALUES (1, 'a');
ASSERT VALUES bad_hosts (host, n) VALUES ('a', 1);
ASSERT VALUES bad_hosts (host, n) VALUES ('b', 1);
ASSERT VALUES bad_hosts (host, n) VALUES ('a', 2);
ASSERT VALUES noisy (host, n) VALUES ('a', 2);
