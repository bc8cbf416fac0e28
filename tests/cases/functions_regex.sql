--@test: patterns are Java's: groups, all matches, replacing and splitting
CREATE STREAM lines (id INT KEY, t STRING, p STRING) WITH (kafka_topic = 'lines', value_format = 'JSON', partitions = 1);
CREATE STREAM matched AS SELECT id, REGEXP_EXTRACT('[a-z]+[0-9]', t) AS whole, REGEXP_EXTRACT('([a-z]+)([0-9])', t, 2) AS digit, REGEXP_EXTRACT_ALL('[0-9]+', t) AS numbers, REGEXP_REPLACE(t, '([a-z])([0-9])', '$2$1') AS swapped, REGEXP_SPLIT_TO_ARRAY(t, '[ ,]+') AS parts FROM lines;
CREATE STREAM by_column AS SELECT id, REGEXP_EXTRACT(p, t) AS found FROM lines;
INSERT INTO lines (id, t, p) VALUES (1, 'ab1 cd22, ef3', 'c.2');
INSERT INTO lines (id, t, p) VALUES (2, 'nothing', '(');
INSERT INTO lines (id) VALUES (3);
ASSERT VALUES matched (id, whole, digit, numbers, swapped, parts) VALUES (1, 'ab1', '1', ARRAY['1', '22', '3'], 'a1b c2d2, e3f', ARRAY['ab1', 'cd22', 'ef3']);
ASSERT VALUES matched (id, numbers, swapped, parts) VALUES (2, ARRAY_REMOVE(ARRAY[''], ''), 'nothing', ARRAY['nothing']);
ASSERT VALUES matched (id) VALUES (3);
ASSERT VALUES by_column (id, found) VALUES (1, 'cd2');
ASSERT VALUES by_column (id) VALUES (2);
ASSERT VALUES by_column (id) VALUES (3);
--@test: patterns that Java has and others do not: sets in common, possessive repeats, quotes, named groups
CREATE STREAM lines (id INT KEY, t STRING) WITH (kafka_topic = 'lines', value_format = 'JSON', partitions = 1);
CREATE STREAM matched AS SELECT id, REGEXP_EXTRACT('[a-z&&[^aeiou]]+', t) AS hard, REGEXP_EXTRACT('\Q(x)\E', t) AS quoted, REGEXP_EXTRACT('a*+a', t) AS never, REGEXP_REPLACE(t, '(?<first>\p{Upper})\p{Lower}+', '${first}.') AS short, REGEXP_EXTRACT_ALL('(?<=#)\w+', t) AS tags FROM lines;
INSERT INTO lines (id, t) VALUES (1, 'aloha (x) Ada #one #two');
INSERT INTO lines (id, t) VALUES (2, 'Élan aaa');
ASSERT VALUES matched (id, hard, quoted, short, tags) VALUES (1, 'l', '(x)', 'aloha (x) A. #one #two', ARRAY['one', 'two']);
ASSERT VALUES matched (id, hard, short, tags) VALUES (2, 'l', 'Élan aaa', ARRAY_REMOVE(ARRAY[''], ''));
