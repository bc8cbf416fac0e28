--@test: text and bytes in one another's clothes
CREATE STREAM packets (id INT KEY, hex STRING, word STRING) WITH (kafka_topic = 'packets', value_format = 'JSON', partitions = 1);
CREATE STREAM decoded AS SELECT id, FROM_BYTES(TO_BYTES(word, 'utf8'), 'base64') AS b64, FROM_BYTES(TO_BYTES(word, 'ascii'), 'hex') AS hexed, ENCODE(word, 'utf8', 'hex') AS encoded, ENCODE(hex, 'hex', 'base64') AS bytes FROM packets;
CREATE STREAM numbers AS SELECT id, INT_FROM_BYTES(TO_BYTES(hex, 'hex')) AS big, INT_FROM_BYTES(TO_BYTES(hex, 'hex'), 'LITTLE_ENDIAN') AS little, BIGINT_FROM_BYTES(CONCAT(TO_BYTES('00000000', 'hex'), TO_BYTES(hex, 'hex'))) AS l, DOUBLE_FROM_BYTES(CONCAT(TO_BYTES('40590000', 'hex'), TO_BYTES(hex, 'hex'))) > 100 AS above FROM packets;
INSERT INTO packets (id, hex, word) VALUES (1, '000007e9', 'Gans');
INSERT INTO packets (id, hex, word) VALUES (2, 'zz', 'Ente');
INSERT INTO packets (id) VALUES (3);
ASSERT VALUES decoded (id, b64, hexed, encoded, bytes) VALUES (1, 'R2Fucw==', '47616E73', '47616e73', 'AAAH6Q==');
ASSERT VALUES decoded (id, b64, hexed, encoded) VALUES (2, 'RW50ZQ==', '456E7465', '456e7465');
ASSERT VALUES decoded (id) VALUES (3);
ASSERT VALUES numbers (id, big, little, l, above) VALUES (1, 2025, -385417216, 2025, true);
ASSERT VALUES numbers (id) VALUES (2);
ASSERT VALUES numbers (id) VALUES (3);

--@test: TRY_CAST is NULL where CAST fails, and no failure of the row's, also of an element
CREATE STREAM texts (id INT KEY, t STRING) WITH (kafka_topic = 'texts', value_format = 'JSON', partitions = 1);
CREATE STREAM tried AS SELECT id, TRY_CAST(t AS INT) AS n, COALESCE(TRY_CAST(t AS INT), -1) AS m, TRANSFORM(SPLIT(t, ','), x => TRY_CAST(x AS INT)) AS l FROM texts WHERE TRY_CAST(t AS INT) IS NULL OR TRY_CAST(t AS INT) > 5;
INSERT INTO texts (id, t) VALUES (1, '7');
INSERT INTO texts (id, t) VALUES (2, '1,x,3');
INSERT INTO texts (id, t) VALUES (3, '2');
ASSERT VALUES tried (id, n, m, l) VALUES (1, 7, 7, ARRAY[7]);
ASSERT VALUES tried (id, n, m, l) VALUES (2, NULL, -1, ARRAY[1, NULL, 3]);
