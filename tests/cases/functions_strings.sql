--@test: text: case, length, parts and places; NULL in, NULL out, but for the place of what is not there
CREATE STREAM birds (id INT KEY, name STRING, note STRING) WITH (kafka_topic = 'birds', value_format = 'JSON', partitions = 1);
CREATE STREAM cased AS SELECT id, LCASE(name) AS low, UCASE(name) AS up, INITCAP(name) AS caps, LEN(name) AS n, TRIM(note) AS bare, QUOTE(note) AS quoted, MD5(name) AS hash FROM birds;
CREATE STREAM parts AS SELECT id, SUBSTRING(name, 6) AS rest, SUBSTRING(name, 1, 3) AS head, SUBSTRING(name, -3) AS tail, REPLACE(name, 'e', 'E') AS swapped, SPLIT(name, ' ') AS words, SPLIT_TO_MAP(note, ';', '=') AS pairs, LPAD(name, 12, '.') AS l, RPAD(name, 12, '.') AS r FROM birds;
CREATE STREAM places AS SELECT id, INSTR(name, 'e') AS first, INSTR(name, 'e', -1) AS last, INSTR(name, 'e', 1, 2) AS second, INSTR(name, 'q') AS none FROM birds;
INSERT INTO birds (id, name, note) VALUES (1, 'grey heron', ' a=1;b=2 ');
INSERT INTO birds (id) VALUES (2);
INSERT INTO birds (id, name, note) VALUES (3, '', 'it''s');
ASSERT VALUES cased (id, low, up, caps, n, bare, quoted, hash) VALUES (1, 'grey heron', 'GREY HERON', 'Grey Heron', 10, 'a=1;b=2', ''' a=1;b=2 ''', '9f2bd1024e86107dc1f298728c264447');
ASSERT VALUES cased (id) VALUES (2);
ASSERT VALUES cased (id, low, up, caps, n, bare, quoted, hash) VALUES (3, '', '', '', 0, 'it''s', '''it''''s''', 'd41d8cd98f00b204e9800998ecf8427e');
ASSERT VALUES parts (id, rest, head, tail, swapped, words, pairs, l, r) VALUES (1, 'heron', 'gre', 'ron', 'grEy hEron', ARRAY['grey', 'heron'], MAP(' a' := '1', 'b' := '2 '), '..grey heron', 'grey heron..');
ASSERT VALUES parts (id) VALUES (2);
ASSERT VALUES parts (id, rest, head, tail, swapped, words, pairs, l, r) VALUES (3, '', '', '', '', ARRAY[''], FILTER(MAP('' := ''), (k, v) => false), '............', '............');
ASSERT VALUES places (id, first, last, second, none) VALUES (1, 3, 7, 7, 0);
ASSERT VALUES places (id, first, last, second, none) VALUES (2, 0, 0, 0, 0);
ASSERT VALUES places (id, first, last, second, none) VALUES (3, 0, 0, 0, 0);

--@test: text: joined, chosen and masked; what joins leaves NULLs out
CREATE STREAM people (id INT KEY, a STRING, b STRING) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
CREATE STREAM joined AS SELECT id, CONCAT(a, '-', b) AS c, CONCAT_WS(', ', a, b) AS ws, a || b AS both, ELT(2, a, b) AS second, ELT(3, a, b) AS third, FIELD('Ann', a, b) AS place, CHR(65 + id) AS letter, LEN(UUID()) AS long FROM people;
CREATE STREAM masked AS SELECT id, MASK(b) AS all_of_it, MASK_LEFT(b, 2) AS l, MASK_RIGHT(b, 2) AS r, MASK_KEEP_LEFT(b, 1) AS kl, MASK_KEEP_RIGHT(b, 3, '*', '*', '#', '_') AS kr FROM people;
INSERT INTO people (id, a, b) VALUES (1, 'Ann', 'Ida-42');
INSERT INTO people (id, b) VALUES (2, 'Bo');
ASSERT VALUES joined (id, c, ws, both, second, place, letter, long) VALUES (1, 'Ann-Ida-42', 'Ann, Ida-42', 'AnnIda-42', 'Ida-42', 1, 'B', 36);
ASSERT VALUES joined (id, c, ws, both, second, place, letter, long) VALUES (2, '-Bo', 'Bo', 'Bo', 'Bo', 0, 'C', 36);
ASSERT VALUES masked (id, all_of_it, l, r, kl, kr) VALUES (1, 'Xxx-nn', 'Xxa-42', 'Ida-nn', 'Ixx-nn', '***-42');
ASSERT VALUES masked (id, all_of_it, l, r, kl, kr) VALUES (2, 'Xx', 'Xx', 'Xx', 'Bx', 'Bo');

--@test: text: a mask of a negative length is refused for its row only
CREATE STREAM cards (id INT KEY, card STRING, n INT) WITH (kafka_topic = 'cards', value_format = 'JSON', partitions = 1);
CREATE STREAM hidden AS SELECT id, MASK_LEFT(card, n) AS card FROM cards;
INSERT INTO cards (id, card, n) VALUES (1, '1234', -1);
INSERT INTO cards (id, card, n) VALUES (2, '1234', 2);
ASSERT VALUES hidden (id) VALUES (1);
ASSERT VALUES hidden (id, card) VALUES (2, 'nn34');

--@test: functions that DuckDB has, and names that other systems have for those of ksqlDB
CREATE STREAM texts (id INT KEY, t STRING) WITH (kafka_topic = 'texts', value_format = 'JSON', partitions = 1);
CREATE STREAM parts AS SELECT id, LEFT(t, 2) AS l, RIGHT(t, 2) AS r, LTRIM(t) AS lt, RTRIM(t) AS rt, REVERSE(t) AS b, REPEAT(t, 2) AS tt, TRANSLATE(t, 'ab', 'x') AS tr, SPLIT_PART(t, 'b', 2) AS sp FROM texts;
CREATE STREAM asked AS SELECT id, STARTS_WITH(t, ' a') AS s, ENDS_WITH(t, 'a') AS e, CONTAINS(t, 'ab') AS c, REGEXP_MATCHES(t, '^\s*a+b') AS m, REGEXP_LIKE(t, '(a)\1') AS twice, SUBSTRING(SHA256(t), 1, 8) AS h, IF(LENGTH(t) > 3, 'long', 'short') AS how FROM texts;
CREATE STREAM named AS SELECT id, UPPER(t) AS u, LOWER(t) AS l, LENGTH(t) AS n, SUBSTR(t, 2, 2) AS s, STRPOS(t, 'b') AS p, NVL(t, 'none') AS v, POW(id, 2) AS w, CEILING(id / 2.0) AS c, CARDINALITY(STRING_SPLIT(t, 'b')) AS k FROM texts;
INSERT INTO texts (id, t) VALUES (1, ' aba');
INSERT INTO texts (id) VALUES (2);
ASSERT VALUES parts (id, l, r, lt, rt, b, tt, tr, sp) VALUES (1, ' a', 'ba', 'aba', ' aba', 'aba ', ' aba aba', ' xx', 'a');
ASSERT VALUES parts (id) VALUES (2);
ASSERT VALUES asked (id, s, e, c, m, twice, h, how) VALUES (1, true, true, true, true, false, '6ba78d67', 'long');
ASSERT VALUES asked (id, how) VALUES (2, 'short');
ASSERT VALUES named (id, u, l, n, s, p, v, w, c, k) VALUES (1, ' ABA', ' aba', 4, 'ab', 3, ' aba', 1.0, 1, 2);
ASSERT VALUES named (id, p, v, w, c) VALUES (2, 0, 'none', 4.0, 1);
