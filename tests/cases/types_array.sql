--@test: ARRAY: from the front and the end, out of bounds, nested, of structs, compared
CREATE STREAM lists (id INT KEY, a ARRAY<INT>, n ARRAY<ARRAY<STRING>>, s ARRAY<STRUCT<x INT>>) WITH (kafka_topic = 'lists', value_format = 'JSON', partitions = 1);
CREATE STREAM parts AS SELECT id, a[1] AS first, a[-1] AS last, a[9] AS none, a[0] AS zero, n[2][1] AS deep, s[1]->x AS x, a = ARRAY[1, 2] AS same, ARRAY[a[1], 5] AS made FROM lists;
INSERT INTO lists (id, a, n, s) VALUES (1, ARRAY[1, 2], ARRAY[ARRAY['p'], ARRAY['q', 'r']], ARRAY[STRUCT(x := 7)]);
INSERT INTO lists (id, a) VALUES (2, ARRAY[NULL, 3]);
INSERT INTO lists (id) VALUES (3);
ASSERT VALUES parts (id, first, last, deep, x, same, made) VALUES (1, 1, 2, 'q', 7, true, ARRAY[1, 5]);
ASSERT VALUES parts (id, last, same, made) VALUES (2, 3, false, ARRAY[NULL, 5]);
ASSERT VALUES parts (id, same, made) VALUES (3, false, ARRAY[NULL, 5]);
