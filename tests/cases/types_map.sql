--@test: MAP: by key, nested, made, compared whatever the order of entries
CREATE STREAM maps (id INT KEY, m MAP<STRING, INT>, n MAP<STRING, MAP<STRING, BOOLEAN>>, k STRING) WITH (kafka_topic = 'maps', value_format = 'JSON', partitions = 1);
CREATE STREAM parts AS SELECT id, m['a'] AS a, m[k] AS by_column, n['x']['y'] AS deep, m = MAP('b' := 2, 'a' := 1) AS same, MAP('id' := id, 'a' := m['a']) AS made FROM maps;
INSERT INTO maps (id, m, n, k) VALUES (1, MAP('a' := 1, 'b' := 2), MAP('x' := MAP('y' := true)), 'b');
INSERT INTO maps (id, m) VALUES (2, MAP('a' := CAST(NULL AS INT)));
INSERT INTO maps (id) VALUES (3);
ASSERT VALUES parts (id, a, by_column, deep, same, made) VALUES (1, 1, 2, true, true, MAP('id' := 1, 'a' := 1));
ASSERT VALUES parts (id, same, made) VALUES (2, false, MAP('id' := 2, 'a' := NULL));
ASSERT VALUES parts (id, same, made) VALUES (3, false, MAP('id' := 3, 'a' := NULL));

--@test: MAP: a JSON array whose entries have no keys is a record that cannot be read
CREATE STREAM written (id INT KEY, m ARRAY<STRUCT<name STRING, v INT>>) WITH (kafka_topic = 'maps', value_format = 'JSON', partitions = 1);
CREATE STREAM maps (id INT KEY, m MAP<STRING, INT>) WITH (kafka_topic = 'maps', value_format = 'JSON');
CREATE STREAM seen AS SELECT id, m FROM maps;
INSERT INTO written (id, m) VALUES (1, [STRUCT(name := 'a', v := 1)]);
INSERT INTO written (id, m) VALUES (2, NULL);
ASSERT VALUES seen (id) VALUES (2);
