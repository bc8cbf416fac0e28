--@test: arrays: length, what they hold, order, sets and joins
CREATE STREAM lists (id INT KEY, a ARRAY<INT>, b ARRAY<INT>, w ARRAY<STRING>) WITH (kafka_topic = 'lists', value_format = 'JSON', partitions = 1);
CREATE STREAM asked AS SELECT id, ARRAY_LENGTH(a) AS n, ARRAY_CONTAINS(a, 3) AS has3, ARRAY_MAX(a) AS most, ARRAY_MIN(w) AS first, ARRAY_JOIN(w, '+') AS joined, ARRAY_JOIN(a) AS commas, ARRAY_POSITION(a, 3) AS at3, ARRAY_POSITION(w, 'c') AS at_c FROM lists;
CREATE STREAM made AS SELECT id, ARRAY_SORT(a) AS up, ARRAY_SORT(a, 'DESC') AS down, ARRAY_DISTINCT(a) AS each, ARRAY_REMOVE(a, 3) AS without3, ARRAY_UNION(a, b) AS both, ARRAY_INTERSECT(a, b) AS shared, ARRAY_EXCEPT(a, b) AS only_a, ARRAY_CONCAT(a, b) AS all_of_them, SLICE(a, 2, 3) AS middle FROM lists;
CREATE STREAM series AS SELECT id, GENERATE_SERIES(id, id + 2) AS up, GENERATE_SERIES(5, 1, -2) AS down FROM lists;
INSERT INTO lists (id, a, b, w) VALUES (1, ARRAY[3, 1, NULL, 3], ARRAY[1, 9], ARRAY['b', 'a']);
INSERT INTO lists (id) VALUES (2);
ASSERT VALUES asked (id, n, has3, most, first, joined, commas, at3, at_c) VALUES (1, 4, true, 3, 'a', 'b+a', '3,1,null,3', 1, 0);
ASSERT VALUES asked (id, has3) VALUES (2, false);
ASSERT VALUES made (id, up, down, each, without3, both, shared, only_a, all_of_them, middle) VALUES (1, ARRAY[1, 3, 3, NULL], ARRAY[3, 3, 1, NULL], ARRAY[3, 1, NULL], ARRAY[1, NULL], ARRAY[3, 1, NULL, 9], ARRAY[1], ARRAY[3, NULL], ARRAY[3, 1, NULL, 3, 1, 9], ARRAY[1, NULL]);
ASSERT VALUES made (id) VALUES (2);
ASSERT VALUES series (id, up, down) VALUES (1, ARRAY[1, 2, 3], ARRAY[5, 3, 1]);
ASSERT VALUES series (id, up, down) VALUES (2, ARRAY[2, 3, 4], ARRAY[5, 3, 1]);

--@test: arrays: at a length
CREATE STREAM lists (id INT KEY, w ARRAY<STRING>, n INT) WITH (kafka_topic = 'lists', value_format = 'JSON', partitions = 1);
CREATE STREAM made AS SELECT id, ARRAY_RESIZE(w, n, '-') AS filled, ARRAY_RESIZE(w, n) AS bare, ARRAY_LENGTH(ARRAY_RESIZE(w, 3)) AS three FROM lists;
INSERT INTO lists (id, w, n) VALUES (1, ARRAY['a', 'b'], 4);
INSERT INTO lists (id, w, n) VALUES (2, ARRAY['a', 'b'], 1);
INSERT INTO lists (id, w, n) VALUES (3, ARRAY['a', NULL], 0);
INSERT INTO lists (id, w, n) VALUES (4, ARRAY['a'], -1);
INSERT INTO lists (id, w) VALUES (5, ARRAY['a']);
INSERT INTO lists (id, n) VALUES (6, 2);
ASSERT VALUES made (id, filled, bare, three) VALUES (1, ARRAY['a', 'b', '-', '-'], ARRAY['a', 'b', NULL, NULL], 3);
ASSERT VALUES made (id, filled, bare, three) VALUES (2, ARRAY['a'], ARRAY['a'], 3);
ASSERT VALUES made (id, filled, bare, three) VALUES (3, ARRAY[], ARRAY[], 3);
ASSERT VALUES made (id, filled, bare, three) VALUES (4, NULL, NULL, 3);
ASSERT VALUES made (id, filled, bare, three) VALUES (5, NULL, NULL, 3);
ASSERT VALUES made (id, filled, bare, three) VALUES (6, NULL, NULL, NULL);

--@test: arrays: the highest scores and their labels
CREATE STREAM scored (id INT KEY, s ARRAY<DOUBLE>, l ARRAY<STRING>, n INT) WITH (kafka_topic = 'scored', value_format = 'JSON', partitions = 1);
CREATE STREAM best AS SELECT id, TRANSFORM(TOP_N(s, l, n), x => x->label) AS labels, TOP_N(s, l, n)[1]->score AS score FROM scored;
INSERT INTO scored (id, s, l, n) VALUES (1, ARRAY[0.1, 0.7, 0.2, 0.7], ARRAY['a', 'b', 'c', 'd'], 3);
INSERT INTO scored (id, s, l, n) VALUES (2, ARRAY[0.1, NULL, 0.3], ARRAY['a', 'b'], 9);
INSERT INTO scored (id, s, l, n) VALUES (3, ARRAY[0.1], ARRAY['a'], 0);
INSERT INTO scored (id, s, n) VALUES (4, ARRAY[0.1], 1);
INSERT INTO scored (id, l, n) VALUES (5, ARRAY['a'], 1);
ASSERT VALUES best (id, labels, score) VALUES (1, ARRAY['b', 'd', 'c'], 0.7);
ASSERT VALUES best (id, labels, score) VALUES (2, ARRAY[NULL, 'a'], 0.3);
ASSERT VALUES best (id, labels, score) VALUES (3, ARRAY[], NULL);
ASSERT VALUES best (id) VALUES (4);
ASSERT VALUES best (id) VALUES (5);
