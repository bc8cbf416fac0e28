--@test: STRUCT: fields, all of them as columns, quoted names, nested, compared
CREATE STREAM people (id INT KEY, who STRUCT<name STRING, home STRUCT<city STRING, `zip code` INT>>) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE STREAM parts AS SELECT id, who->name AS name, who->home->`zip code` AS zip, STRUCT(name := who->name, n := id) AS made, who->home = STRUCT(city := 'Bonn', `zip code` := 53111) AS same FROM people;
CREATE STREAM spread AS SELECT id, who->* FROM people;
INSERT INTO people (id, who) VALUES (1, STRUCT(name := 'Ida', home := STRUCT(city := 'Bonn', `zip code` := 53111)));
INSERT INTO people (id, who) VALUES (2, STRUCT(name := 'Bo', home := CAST(NULL AS STRUCT<city STRING, `zip code` INT>)));
INSERT INTO people (id) VALUES (3);
ASSERT VALUES parts (id, name, zip, made, same) VALUES (1, 'Ida', 53111, STRUCT(name := 'Ida', n := 1), true);
ASSERT VALUES parts (id, name, made, same) VALUES (2, 'Bo', STRUCT(name := 'Bo', n := 2), false);
ASSERT VALUES parts (id, made, same) VALUES (3, STRUCT(name := CAST(NULL AS STRING), n := 3), false);
ASSERT VALUES spread (id, name, home) VALUES (1, 'Ida', STRUCT(city := 'Bonn', `zip code` := 53111));
ASSERT VALUES spread (id, name) VALUES (2, 'Bo');
ASSERT VALUES spread (id) VALUES (3);

--@test: STRUCT() in an INSERT is one whose fields are all NULL
CREATE STREAM boxes (id INT KEY, box STRUCT<width INT, label STRING>) WITH (kafka_topic = 'boxes', value_format = 'JSON', partitions = 1);
CREATE STREAM seen AS SELECT id, box IS NULL AS none, box->width IS NULL AS unknown FROM boxes;
INSERT INTO boxes (id, box) VALUES (1, STRUCT());
INSERT INTO boxes (id) VALUES (2);
ASSERT VALUES seen (id, none, unknown) VALUES (1, false, true);
ASSERT VALUES seen (id, none, unknown) VALUES (2, true, true);

--@test: NULL and what is empty inside an INSERT's value take their type from the column
CREATE STREAM crates (id INT KEY, crate STRUCT<width INT, parts ARRAY<STRUCT<n INT, tags MAP<STRING, INT>>>>, sizes ARRAY<INT>) WITH (kafka_topic = 'crates', value_format = 'JSON', partitions = 1);
CREATE STREAM opened AS SELECT id, crate->width AS width, crate->parts AS parts, sizes FROM crates;
INSERT INTO crates (id, crate, sizes) VALUES (1, STRUCT(width := NULL), ARRAY[NULL]);
INSERT INTO crates (id, crate) VALUES (2, STRUCT(parts := ARRAY[STRUCT(n := NULL, tags := MAP()), NULL, STRUCT(tags := MAP('a' := NULL))]));
ASSERT VALUES opened (id, width, parts, sizes) VALUES (1, NULL, NULL, ARRAY[NULL]);
ASSERT VALUES opened (id, parts) VALUES (2, ARRAY[STRUCT(n := NULL, tags := MAP()), NULL, STRUCT(n := NULL, tags := MAP('a' := NULL))]);

--@test: all fields of a struct that an aggregate gives
CREATE STREAM points (id INT KEY, at STRUCT<X INT, Y INT>) WITH (kafka_topic = 'points', value_format = 'JSON', partitions = 1);
CREATE TABLE latest AS SELECT id, LATEST_BY_OFFSET(at)->* FROM points GROUP BY id;
INSERT INTO points (rowtime, id, at) VALUES (0, 1, STRUCT(X := 1, Y := 2));
INSERT INTO points (rowtime, id, at) VALUES (1, 1, STRUCT(X := 3, Y := 4));
ASSERT VALUES latest (rowtime, id, x, y) VALUES (0, 1, 1, 2);
ASSERT VALUES latest (rowtime, id, x, y) VALUES (1, 1, 3, 4);
