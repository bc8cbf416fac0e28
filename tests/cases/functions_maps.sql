--@test: maps: keys, values, entries, unions, and a map of two arrays
CREATE STREAM stock (id INT KEY, m MAP<STRING, INT>, more MAP<STRING, INT>) WITH (kafka_topic = 'stock', value_format = 'JSON', partitions = 1);
CREATE STREAM listed AS SELECT id, ARRAY_SORT(MAP_KEYS(m)) AS ks, ARRAY_SORT(MAP_VALUES(m)) AS vs, ENTRIES(m, true) AS es, MAP_UNION(m, more) AS both, AS_MAP(ARRAY['x', 'y'], ARRAY[id, 2]) AS made, m['tea'] AS tea, m['none'] AS none FROM stock;
INSERT INTO stock (id, m, more) VALUES (1, MAP('tea' := 4, 'milk' := 2), MAP('tea' := 5));
INSERT INTO stock (id) VALUES (2);
ASSERT VALUES listed (id, ks, vs, es, both, made, tea) VALUES (1, ARRAY['milk', 'tea'], ARRAY[2, 4], ARRAY[STRUCT(K := 'milk', V := 2), STRUCT(K := 'tea', V := 4)], MAP('milk' := 2, 'tea' := 5), MAP('x' := 1, 'y' := 2), 4);
ASSERT VALUES listed (id, made) VALUES (2, MAP('x' := 2, 'y' := 2));

--@test: AS_MAP: a key without a value has NULL, the last of equal keys counts
CREATE STREAM lists (id INT KEY, ks ARRAY<STRING>, vs ARRAY<INT>) WITH (kafka_topic = 'lists', value_format = 'JSON', partitions = 1);
CREATE STREAM made AS SELECT id, AS_MAP(ks, vs) AS m FROM lists;
INSERT INTO lists (id, ks, vs) VALUES (1, ['a', 'b'], [1]);
INSERT INTO lists (id, ks, vs) VALUES (2, ['a', 'b', 'a'], [1, 2, 3]);
INSERT INTO lists (id, ks, vs) VALUES (3, ['a'], [1, 2]);
INSERT INTO lists (id, ks, vs) VALUES (4, [], [1]);
INSERT INTO lists (id, ks, vs) VALUES (5, ['a'], NULL);
ASSERT VALUES made (id, m) VALUES (1, MAP('a' := 1, 'b' := NULL));
ASSERT VALUES made (id, m) VALUES (2, MAP('a' := 3, 'b' := 2));
ASSERT VALUES made (id, m) VALUES (3, MAP('a' := 1));
ASSERT VALUES made (id, m) VALUES (4, MAP());
ASSERT VALUES made (id) VALUES (5);
