--@test: JSON in text is asked by path, listed and counted; what is no JSON fails its column
CREATE STREAM messages (id INT KEY, m STRING) WITH (kafka_topic = 'messages', value_format = 'JSON', partitions = 1);
CREATE STREAM asked AS SELECT id, EXTRACTJSONFIELD(m, '$.who.name') AS name, EXTRACTJSONFIELD(m, '$.tags[1]') AS tag, EXTRACTJSONFIELD(m, '$.who') AS who, EXTRACTJSONFIELD(m, '$.none') AS none, IS_JSON_STRING(m) AS is_json, JSON_KEYS(m) AS ks, JSON_RECORDS(m) AS records FROM messages;
CREATE STREAM listed AS SELECT id, JSON_ARRAY_LENGTH(EXTRACTJSONFIELD(m, '$.tags')) AS n, JSON_ARRAY_CONTAINS(EXTRACTJSONFIELD(m, '$.tags'), 'b') AS has_b, JSON_ITEMS(EXTRACTJSONFIELD(m, '$.tags')) AS items, JSON_CONCAT(m, '{"more":true}') AS more FROM messages;
INSERT INTO messages (id, m) VALUES (1, '{"who":{"name":"Eva"},"tags":["a","b"]}');
INSERT INTO messages (id, m) VALUES (2, 'no json {');
INSERT INTO messages (id, m) VALUES (3, '{}');
ASSERT VALUES asked (id, name, tag, who, is_json, ks, records) VALUES (1, 'Eva', 'b', '{"name":"Eva"}', true, ARRAY['who', 'tags'], MAP('who' := '{"name":"Eva"}', 'tags' := '["a","b"]'));
ASSERT VALUES asked (id, is_json) VALUES (2, false);
ASSERT VALUES asked (id, is_json, ks, records) VALUES (3, true, ARRAY_REMOVE(ARRAY[''], ''), FILTER(MAP('' := ''), (k, v) => false));
ASSERT VALUES listed (id, n, has_b, items, more) VALUES (1, 2, true, ARRAY['"a"', '"b"'], '{"who":{"name":"Eva"},"tags":["a","b"],"more":true}');
ASSERT VALUES listed (id) VALUES (2);
ASSERT VALUES listed (id, has_b, more) VALUES (3, false, '{"more":true}');

--@test: TO_JSON_STRING writes any value
CREATE STREAM things (id INT KEY, d DECIMAL(4, 2), a ARRAY<INT>, m MAP<STRING, BOOLEAN>, s STRUCT<x INT, y STRING>, day DATE) WITH (kafka_topic = 'things', value_format = 'JSON', partitions = 1);
CREATE STREAM texts AS SELECT id, TO_JSON_STRING(d) AS d, TO_JSON_STRING(a) AS a, TO_JSON_STRING(m) AS m, TO_JSON_STRING(s) AS s, TO_JSON_STRING(day) AS day FROM things;
INSERT INTO things (id, d, a, m, s, day) VALUES (1, 3.10, ARRAY[1, NULL], MAP('k' := true), STRUCT(x := 5, y := 'a"b'), '2024-02-29');
INSERT INTO things (id) VALUES (2);
ASSERT VALUES texts (id, d, a, m, s, day) VALUES (1, '3.10', '[1,null]', '{"k":true}', '{"X":5,"Y":"a\"b"}', '"2024-02-29"');
ASSERT VALUES texts (id, d, a, m, s, day) VALUES (2, 'null', 'null', 'null', 'null', 'null');
