--@test: ALTER STREAM ADD COLUMN: queries made afterwards read it
CREATE STREAM events (id INT KEY, v INT) WITH (kafka_topic = 'events', value_format = 'JSON', partitions = 1);
ALTER STREAM events ADD COLUMN note STRING, ADD COLUMN more INT;
CREATE STREAM copied AS SELECT * FROM events;
INSERT INTO events (id, v, note) VALUES (1, 2, 'three');
ASSERT STREAM events (id INT KEY, v INT, note STRING, more INT) WITH (kafka_topic = 'events', value_format = 'JSON');
ASSERT VALUES copied (id, v, note) VALUES (1, 2, 'three');

--@test: ALTER adds no column of a name that is there
--@expected.error: Conflict
CREATE STREAM events (id INT KEY, v INT) WITH (kafka_topic = 'events', value_format = 'JSON', partitions = 1);
ALTER STREAM events ADD COLUMN v STRING;

--@test: ALTER: what a query makes has that query's columns
--@expected.error: Conflict
CREATE STREAM events (id INT KEY, v INT) WITH (kafka_topic = 'events', value_format = 'JSON', partitions = 1);
CREATE STREAM made AS SELECT * FROM events;
ALTER STREAM made ADD COLUMN w STRING;

--@test: ALTER: beside a value that is written without an object around it no column can stand
--@expected.error: AnalysisError
--@expected.message: 'WRAP_SINGLE_VALUE' is only valid for single-field value schemas
CREATE STREAM bare (v INT) WITH (kafka_topic = 'bare', value_format = 'JSON', wrap_single_value = false, partitions = 1);
ALTER STREAM bare ADD COLUMN w STRING;
