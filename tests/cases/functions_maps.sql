--@test: maps: keys, values, entries, unions, and a map of two arrays
CREATE STREAM stock (id INT KEY, m MAP<STRING, INT>, more MAP<STRING, INT>) WITH (kafka_topic = 'stock', value_format = 'JSON', partitions = 1);
CREATE STREAM listed AS SELECT id, ARRAY_SORT(MAP_KEYS(m)) AS ks, ARRAY_SORT(MAP_VALUES(m)) AS vs, ENTRIES(m, true) AS es, MAP_UNION(m, more) AS both, AS_MAP(ARRAY['x', 'y'], ARRAY[id, 2]) AS made, m['tea'] AS tea, m['none'] AS none FROM stock;
INSERT INTO stock (id, m, more) VALUES (1, MAP('tea' := 4, 'milk' := 2), MAP('tea' := 5));
INSERT INTO stock (id) VALUES (2);
ASSERT VALUES listed (id, ks, vs, es, both, made, tea) VALUES (1, ARRAY['milk', 'tea'], ARRAY[2, 4], ARRAY[STRUCT(K := 'milk', V := 2), STRUCT(K := 'tea', V := 4)], MAP('milk' := 2, 'tea' := 5), MAP('x' := 1, 'y' := 2), 4);
ASSERT VALUES listed (id, made) VALUES (2, MAP('x' := 2, 'y' := 2));
