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
