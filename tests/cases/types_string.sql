--@test: STRING: comparing, patterns with an escape, lists, and what is written in quotes
CREATE STREAM words (id INT KEY, w STRING) WITH (kafka_topic = 'words', value_format = 'JSON', partitions = 1);
CREATE STREAM compared AS SELECT id, w < 'b' AS small, w IN ('a_c', 'it''s') AS listed, w BETWEEN 'a' AND 'b' AS near, w || '!' AS loud, w IS DISTINCT FROM 'a_c' AS other FROM words;
CREATE STREAM liked AS SELECT id, w LIKE 'a%' AS starts, w LIKE '_\_%' ESCAPE '\' AS scored, w NOT LIKE '%s' AS other FROM words WHERE w IS NOT NULL;
INSERT INTO words (id, w) VALUES (1, 'a_c');
INSERT INTO words (id, w) VALUES (2, 'it''s');
INSERT INTO words (id, w) VALUES (3, 'Ünïcödé 𝛑');
INSERT INTO words (id) VALUES (4);
ASSERT VALUES compared (id, small, listed, near, loud, other) VALUES (1, true, true, true, 'a_c!', false);
ASSERT VALUES compared (id, small, listed, near, loud, other) VALUES (2, false, true, false, 'it''s!', true);
ASSERT VALUES compared (id, small, listed, near, loud, other) VALUES (3, false, false, false, 'Ünïcödé 𝛑!', true);
ASSERT VALUES compared (id, small, listed, near, loud, other) VALUES (4, false, false, false, '!', true);
ASSERT VALUES liked (id, starts, scored, other) VALUES (1, true, true, true);
ASSERT VALUES liked (id, starts, scored, other) VALUES (2, false, false, false);
ASSERT VALUES liked (id, starts, scored, other) VALUES (3, false, false, true);

--@test: STRING: an object in JSON is its text, numbers with the digits that they were written with
CREATE STREAM written (id INT KEY, o STRUCT<price DECIMAL(5, 2), tags ARRAY<STRING>>) WITH (kafka_topic = 'objects', value_format = 'JSON', partitions = 1);
CREATE STREAM objects (id INT KEY, o STRING) WITH (kafka_topic = 'objects', value_format = 'JSON');
CREATE STREAM texts AS SELECT id, o FROM objects;
INSERT INTO written (id, o) VALUES (1, STRUCT(price := 1.50, tags := ['é', NULL]));
ASSERT VALUES texts (id, o) VALUES (1, '{"PRICE":1.50,"TAGS":["é",null]}');
