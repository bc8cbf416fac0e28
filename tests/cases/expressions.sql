--@test: CASE, searched and simple in form, without ELSE gives NULL
CREATE STREAM orders (id INT KEY, amount INT) WITH (kafka_topic = 'orders', value_format = 'JSON', partitions = 1);
CREATE STREAM sized AS SELECT id, CASE WHEN amount < 10 THEN 'small' WHEN amount < 100 THEN 'large' END AS size FROM orders;
INSERT INTO orders (id, amount) VALUES (1, 5);
INSERT INTO orders (id, amount) VALUES (2, 50);
INSERT INTO orders (id, amount) VALUES (3, 500);
INSERT INTO orders (id) VALUES (4);
ASSERT VALUES sized (id, size) VALUES (1, 'small');
ASSERT VALUES sized (id, size) VALUES (2, 'large');
ASSERT VALUES sized (id) VALUES (3);
ASSERT VALUES sized (id) VALUES (4);

--@test: CAST between numbers and text; text that is no number becomes NULL and the row stays
CREATE STREAM texts (id INT KEY, t STRING, d DOUBLE) WITH (kafka_topic = 'texts', value_format = 'JSON', partitions = 1);
CREATE STREAM numbers AS SELECT id, CAST(t AS BIGINT) AS n, CAST(d AS INT) AS i, CAST(id AS STRING) AS s FROM texts;
INSERT INTO texts (id, t, d) VALUES (1, '42', 2.9);
INSERT INTO texts (id, t, d) VALUES (2, 'many', -2.9);
INSERT INTO texts (id) VALUES (3);
ASSERT VALUES numbers (id, n, i, s) VALUES (1, 42, 2, '1');
ASSERT VALUES numbers (id, i, s) VALUES (2, -2, '2');
ASSERT VALUES numbers (id, s) VALUES (3, '3');

--@test: arithmetic keeps whole numbers whole; division by zero spoils one column of one row
CREATE STREAM pairs (id INT KEY, a BIGINT, b BIGINT) WITH (kafka_topic = 'pairs', value_format = 'JSON', partitions = 1);
CREATE STREAM sums AS SELECT id, a + b AS p, a - b AS m, a * b AS t, a / b AS q, a % b AS r FROM pairs;
INSERT INTO pairs (id, a, b) VALUES (1, 7, 2);
INSERT INTO pairs (id, a, b) VALUES (2, 7, 0);
INSERT INTO pairs (id, a) VALUES (3, 1);
INSERT INTO pairs (id, a, b) VALUES (4, -7, 2);
ASSERT VALUES sums (id, p, m, t, q, r) VALUES (1, 9, 5, 14, 3, 1);
ASSERT VALUES sums (id, p, m, t) VALUES (2, 7, 7, 0);
ASSERT VALUES sums (id) VALUES (3);
ASSERT VALUES sums (id, p, m, t, q, r) VALUES (4, -5, -9, -14, -3, -1);

--@test: structs, arrays and maps are read and made; arrays count from 1, and from the end with negative numbers
CREATE STREAM nested (id INT KEY, s STRUCT<x INT, y STRING>, a ARRAY<INT>, m MAP<STRING, INT>) WITH (kafka_topic = 'nested', value_format = 'JSON', partitions = 1);
CREATE STREAM flat AS SELECT id, s->x AS x, a[1] AS first, a[-1] AS last, m['k'] AS k, STRUCT(p := s->y, q := a[2]) AS made, ARRAY[id, s->x] AS pair FROM nested;
INSERT INTO nested (id, s, a, m) VALUES (1, STRUCT(x := 5, y := 'five'), ARRAY[10, 20, 30], MAP('k' := 7));
INSERT INTO nested (id) VALUES (2);
ASSERT VALUES flat (id, x, first, last, k, made, pair) VALUES (1, 5, 10, 30, 7, STRUCT(p := 'five', q := 20), ARRAY[1, 5]);
ASSERT VALUES flat (id, made, pair) VALUES (2, STRUCT(p := CAST(NULL AS STRING), q := CAST(NULL AS INT)), ARRAY[2, CAST(NULL AS INT)]);

--@test: EXPLODE makes a row of each element, none of an empty array or NULL
CREATE STREAM lists (id INT KEY, xs ARRAY<INT>) WITH (kafka_topic = 'lists', value_format = 'JSON', partitions = 1);
CREATE STREAM items AS SELECT id, EXPLODE(xs) AS x FROM lists;
INSERT INTO lists (id, xs) VALUES (1, ARRAY[3, 1, 2]);
INSERT INTO lists (id) VALUES (2);
INSERT INTO lists (id, xs) VALUES (3, ARRAY[9]);
ASSERT VALUES items (id, x) VALUES (1, 3);
ASSERT VALUES items (id, x) VALUES (1, 1);
ASSERT VALUES items (id, x) VALUES (1, 2);
ASSERT VALUES items (id, x) VALUES (3, 9);

--@test: fixed vectors and arrays of 32-bit floats pass as they are
CREATE STREAM vectors (id INT KEY, v FLOAT[3], w ARRAY<FLOAT>) WITH (kafka_topic = 'vectors', value_format = 'JSON', partitions = 1);
CREATE STREAM copies AS SELECT id, v, w FROM vectors;
INSERT INTO vectors (id, v, w) VALUES (1, ARRAY[0.5, 0.25, -1.0], ARRAY[0.125]);
ASSERT VALUES copies (id, v, w) VALUES (1, ARRAY[0.5, 0.25, -1.0], ARRAY[0.125]);

--@test: a function in Python, called a row at a time; a row that it refuses becomes NULL
CREATE FUNCTION initials(name STRING) RETURNS STRING LANGUAGE PYTHON AS $$
def initials(name: str) -> str:
    if not name:
        raise ValueError("no name")
    return "".join(word[0] for word in name.split())
$$;
CREATE STREAM people (id INT KEY, name STRING) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE STREAM short AS SELECT id, initials(name) AS i FROM people;
INSERT INTO people (id, name) VALUES (1, 'Ada Lovelace');
INSERT INTO people (id, name) VALUES (2, '');
INSERT INTO people (id) VALUES (3);
ASSERT VALUES short (id, i) VALUES (1, 'AL');
ASSERT VALUES short (id) VALUES (2);
ASSERT VALUES short (id) VALUES (3);

--@test: IS TRUE, IS FALSE and what is neither
CREATE STREAM flags (id INT KEY, b BOOLEAN) WITH (kafka_topic = 'flags', value_format = 'JSON', partitions = 1);
CREATE STREAM told AS SELECT id, b IS TRUE AS t, b IS NOT TRUE AS nt, b IS FALSE AS f, b IS NOT FALSE AS nf FROM flags;
CREATE STREAM kept AS SELECT id, b FROM flags WHERE b IS NOT TRUE AND (id > 0) IS TRUE;
INSERT INTO flags (id, b) VALUES (1, TRUE);
INSERT INTO flags (id, b) VALUES (2, FALSE);
INSERT INTO flags (id) VALUES (3);
ASSERT VALUES told (id, t, nt, f, nf) VALUES (1, TRUE, FALSE, FALSE, TRUE);
ASSERT VALUES told (id, t, nt, f, nf) VALUES (2, FALSE, TRUE, TRUE, FALSE);
ASSERT VALUES told (id, t, nt, f, nf) VALUES (3, FALSE, TRUE, FALSE, TRUE);
ASSERT VALUES kept (id, b) VALUES (2, FALSE);
ASSERT VALUES kept (id, b) VALUES (3, NULL);

--@test: value::type casts, and binds closer than any operator
CREATE STREAM texts (id INT KEY, t STRING, d DOUBLE) WITH (kafka_topic = 'texts', value_format = 'JSON', partitions = 1);
CREATE STREAM cast_short AS SELECT id, t::BIGINT + 1 AS n, -d::INT AS i, id::STRING || t AS s, (ARRAY[1, 2]::ARRAY<STRING>)[1] AS a FROM texts;
INSERT INTO texts (id, t, d) VALUES (1, '42', 2.9);
INSERT INTO texts (id, t, d) VALUES (2, 'many', -2.9);
ASSERT VALUES cast_short (id, n, i, s, a) VALUES (1, 43, -2, '142', '1');
ASSERT VALUES cast_short (id, n, i, s, a) VALUES (2, NULL, 2, '2many', '1');

--@test: ILIKE passes over case, || and CONCAT join what is no text too, lists in brackets
CREATE STREAM texts (id INT KEY, t STRING, d DOUBLE, at TIMESTAMP) WITH (kafka_topic = 'texts', value_format = 'JSON', partitions = 1);
CREATE STREAM found AS SELECT id, t ILIKE 'A%' AS a, t NOT ILIKE '%B' AS b, id || ':' || t || d || at AS k, CONCAT(id, t, TRUE) AS c, [id, 2] AS l FROM texts WHERE t ILIKE '%!_%' ESCAPE '!' OR t IS NULL;
INSERT INTO texts (id, t, d, at) VALUES (1, 'a_B', 1.5, '2024-01-01T10:00:00');
INSERT INTO texts (id, t) VALUES (2, 'ab');
INSERT INTO texts (id) VALUES (3);
ASSERT VALUES found (id, a, b, k, c, l) VALUES (1, true, false, '1:a_B1.52024-01-01T10:00:00.000', '1a_Btrue', ARRAY[1, 2]);
ASSERT VALUES found (id, a, b, k, c, l) VALUES (3, false, true, '3:', '3true', ARRAY[3, 2]);
