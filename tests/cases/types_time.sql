--@test: TIME: milliseconds of the day, compared with text
CREATE STREAM clocks (id INT KEY, c TIME) WITH (kafka_topic = 'clocks', value_format = 'JSON', partitions = 1);
CREATE STREAM raw (id INT KEY, c BIGINT) WITH (kafka_topic = 'clocks', value_format = 'JSON', partitions = 1);
CREATE STREAM compared AS SELECT id, c < '12:00' AS morning, CAST(c AS STRING) AS text, TIMEADD(HOURS, 2, c) AS later FROM clocks;
CREATE STREAM numbers AS SELECT id, c FROM raw;
INSERT INTO clocks (id, c) VALUES (1, '07:30:15');
INSERT INTO clocks (id, c) VALUES (2, '23:00');
INSERT INTO clocks (id) VALUES (3);
ASSERT VALUES compared (id, morning, text, later) VALUES (1, true, '07:30:15', '09:30:15');
ASSERT VALUES compared (id, morning, text, later) VALUES (2, false, '23:00', '01:00:00');
ASSERT VALUES compared (id, morning) VALUES (3, false);
ASSERT VALUES numbers (id, c) VALUES (1, 27015000);
ASSERT VALUES numbers (id, c) VALUES (2, 82800000);
ASSERT VALUES numbers (id) VALUES (3);

--@test: TIME: text is cast as HH:mm, with seconds and fraction or without, and nothing else
CREATE STREAM said (id INT KEY, t STRING) WITH (kafka_topic = 'said', value_format = 'JSON', partitions = 1);
CREATE STREAM heard AS SELECT id, CAST(t AS TIME) AS t FROM said;
INSERT INTO said (id, t) VALUES (1, '20:30');
INSERT INTO said (id, t) VALUES (2, '20:30:15.250');
INSERT INTO said (id, t) VALUES (3, '2030');
INSERT INTO said (id, t) VALUES (4, '2030-01');
INSERT INTO said (id, t) VALUES (5, '20:30+01:00');
INSERT INTO said (id, t) VALUES (6, '20');
ASSERT VALUES heard (id, t) VALUES (1, '20:30:00');
ASSERT VALUES heard (id, t) VALUES (2, '20:30:15.250');
ASSERT VALUES heard (id) VALUES (3);
ASSERT VALUES heard (id) VALUES (4);
ASSERT VALUES heard (id) VALUES (5);
ASSERT VALUES heard (id) VALUES (6);
