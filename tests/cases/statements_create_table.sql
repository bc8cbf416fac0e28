--@test: CREATE TABLE: a row of a key replaces the one before
CREATE TABLE people (name STRING, id INT PRIMARY KEY) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE TABLE loud AS SELECT id, UCASE(name) AS name FROM people;
INSERT INTO people (id, name) VALUES (1, 'ann');
INSERT INTO people (id, name) VALUES (1, 'eve');
INSERT INTO people (id, name) VALUES (2, 'bob');
ASSERT TABLE people (id INT PRIMARY KEY, name STRING) WITH (kafka_topic = 'people', value_format = 'JSON');
ASSERT VALUES loud (id, name) VALUES (1, 'ANN');
ASSERT VALUES loud (id, name) VALUES (1, 'EVE');
ASSERT VALUES loud (id, name) VALUES (2, 'BOB');

--@test: CREATE TABLE needs a primary key
--@expected.error: AnalysisError
--@expected.message: PRIMARY KEY
CREATE TABLE people (id INT, name STRING) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);

--@test: CREATE TABLE: a row without its key is refused
--@expected.error: AnalysisError
--@expected.message: primary key ID
CREATE TABLE people (id INT PRIMARY KEY, name STRING) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
INSERT INTO people (name) VALUES ('nobody');
