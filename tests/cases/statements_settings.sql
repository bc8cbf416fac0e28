--@test: DEFINE stands for text wherever ${} does; UNDEFINE and SET again
DEFINE format = 'JSON';
DEFINE topic = 'events';
DEFINE word = 'it''s';
CREATE STREAM ${topic} (id INT KEY, w STRING) WITH (kafka_topic = '${topic}', value_format = '${format}', partitions = 1);
CREATE STREAM found AS SELECT id, '${word}' AS word, '$${word}' AS plain FROM ${topic} WHERE w = '${word}';
UNDEFINE word;
INSERT INTO events (id, w) VALUES (1, 'it''s');
INSERT INTO events (id, w) VALUES (2, '${word}');
ASSERT VALUES found (id, word, plain) VALUES (1, 'it''s', '${word}');

--@test: SET: a default format holds until UNSET
SET 'ksql.persistence.default.format.value' = 'DELIMITED';
SET 'ksql.persistence.default.format.key' = 'JSON';
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', partitions = 1);
UNSET 'ksql.persistence.default.format.key';
CREATE STREAM b (k INT KEY, v INT) WITH (kafka_topic = 'b', partitions = 1);
ASSERT STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', key_format = 'JSON', value_format = 'DELIMITED');
ASSERT STREAM b (k INT KEY, v INT) WITH (kafka_topic = 'b', key_format = 'KAFKA', value_format = 'DELIMITED');

--@test: a variable that is not defined is refused outside quotes
--@expected.error: UnknownName
--@expected.message: variable nothing is not defined
CREATE STREAM ${nothing} (id INT KEY) WITH (kafka_topic = 'x', value_format = 'JSON', partitions = 1);
