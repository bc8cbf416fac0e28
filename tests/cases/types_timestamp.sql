--@test: TIMESTAMP: moments compared with text of any length, with a zone or without
CREATE STREAM moments (id INT KEY, at TIMESTAMP) WITH (kafka_topic = 'moments', value_format = 'JSON', partitions = 1);
CREATE STREAM compared AS SELECT id, at >= '2024-03-01' AS spring, at = '2024-03-01T12:00:00+02:00' AS same, CAST(at AS STRING) AS text, CAST(at AS DATE) AS day, CAST(at AS TIME) AS clock, UNIX_TIMESTAMP(at) AS millis FROM moments;
INSERT INTO moments (id, at) VALUES (1, '2024-03-01T10:00:00.000');
INSERT INTO moments (id, at) VALUES (2, '1969-12-31T23:59:59.999');
INSERT INTO moments (id) VALUES (3);
ASSERT VALUES compared (id, spring, same, text, day, clock, millis) VALUES (1, true, true, '2024-03-01T10:00:00.000', '2024-03-01', '10:00:00', 1709287200000);
ASSERT VALUES compared (id, spring, same, text, day, clock, millis) VALUES (2, false, false, '1969-12-31T23:59:59.999', '1969-12-31', '23:59:59.999', -1);
ASSERT VALUES compared (id, spring, same) VALUES (3, false, false);

--@test: text compared with ROWTIME is a moment
CREATE STREAM events (id INT KEY, word STRING) WITH (kafka_topic = 'events', value_format = 'JSON', partitions = 1);
CREATE STREAM late AS SELECT id, word FROM events WHERE ROWTIME > '2024-03-01T00:00:00';
INSERT INTO events (rowtime, id, word) VALUES (1709251200000, 1, 'early');
INSERT INTO events (rowtime, id, word) VALUES (1709251200001, 2, 'late');
ASSERT VALUES late (rowtime, id, word) VALUES (1709251200001, 2, 'late');

--@test: text beside ROWTIME is cut off at any field; hour 24 is the next day's midnight
CREATE STREAM events (id INT KEY, v INT) WITH (kafka_topic = 'events', value_format = 'JSON', partitions = 1);
CREATE STREAM compared AS SELECT id, ROWTIME >= '2024-03-01' AS day, ROWTIME >= '2024-03-01T24' AS next_day, ROWTIME < '2024-03-02T00:00+01:00' AS zoned FROM events;
INSERT INTO events (ROWTIME, id, v) VALUES (1709337599999, 1, 0);
INSERT INTO events (ROWTIME, id, v) VALUES (1709337600000, 2, 0);
ASSERT VALUES compared (ROWTIME, id, day, next_day, zoned) VALUES (1709337599999, 1, true, false, false);
ASSERT VALUES compared (ROWTIME, id, day, next_day, zoned) VALUES (1709337600000, 2, true, true, false);
