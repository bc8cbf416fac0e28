--@test: BYTES: base64 in JSON, compared byte by byte, cut and joined
CREATE STREAM blobs (id INT KEY, b BYTES) WITH (kafka_topic = 'blobs', value_format = 'JSON', partitions = 1);
CREATE STREAM cut AS SELECT id, b, LEN(b) AS n, SUBSTRING(b, 2) AS rest, CONCAT(b, b) AS twice, b = TO_BYTES('00ff', 'hex') AS same, b > TO_BYTES('00', 'hex') AS above, LPAD(b, 3, TO_BYTES('aa', 'hex')) AS padded, SPLIT(b, TO_BYTES('ff', 'hex')) AS parts FROM blobs;
INSERT INTO blobs (id, b) VALUES (1, TO_BYTES('00FF', 'hex'));
INSERT INTO blobs (id) VALUES (2);
ASSERT VALUES cut (id, b, n, rest, twice, same, above, padded, parts) VALUES (1, TO_BYTES('AP8=', 'base64'), 2, TO_BYTES('ff', 'hex'), TO_BYTES('00ff00ff', 'hex'), true, true, TO_BYTES('aa00ff', 'hex'), ARRAY[TO_BYTES('00', 'hex'), TO_BYTES('', 'hex')]);
ASSERT VALUES cut (id, twice, same, above) VALUES (2, TO_BYTES('', 'hex'), false, false);
