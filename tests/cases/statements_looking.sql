--@test: SHOW, LIST, DESCRIBE, EXPLAIN and their like change nothing
CREATE STREAM a (k INT KEY, v INT) WITH (kafka_topic = 'a', value_format = 'JSON', partitions = 1);
SHOW STREAMS;
LIST TABLES EXTENDED;
SHOW ALL TOPICS EXTENDED;
SHOW QUERIES;
SHOW FUNCTIONS;
SHOW PROPERTIES;
SHOW TYPES;
SHOW VARIABLES;
SHOW TOPOLOGY;
LIST TOPOLOGY AS MERMAID;
DESCRIBE a EXTENDED;
DESCRIBE STREAMS;
DESCRIBE TABLES EXTENDED;
DESCRIBE FUNCTION ucase;
EXPLAIN SELECT * FROM a EMIT CHANGES;
CREATE STREAM b AS SELECT * FROM a;
INSERT INTO a (k, v) VALUES (1, 1);
ASSERT VALUES b (k, v) VALUES (1, 1);

--@test: RUN SCRIPT is the command line's
--@expected.error: AnalysisError
--@expected.message: RUN SCRIPT is a command of the prompt
RUN SCRIPT 'more.sql';

--@test: PRINT is a running engine's
--@expected.error: Unsupported
PRINT a FROM BEGINNING LIMIT 1;
