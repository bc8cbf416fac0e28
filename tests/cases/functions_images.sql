--@test: the pixels of an image, as it is, made smaller, and normalised; what is no image errs alone
CREATE STREAM photos (id INT KEY, photo STRING) WITH (kafka_topic = 'photos', value_format = 'JSON', partitions = 1);
CREATE STREAM pixels AS SELECT id, IMAGE_DECODE(photo) AS p, IMAGE_SIZE(TO_BYTES(photo, 'base64'))->width AS w FROM photos;
CREATE STREAM small AS SELECT id, IMAGE_NORMALIZE(IMAGE_DECODE(IMAGE_RESIZE(photo, 1, 1, 'crop')), ARRAY[0.5, 0.0, 0.0], ARRAY[0.5, 1.0, 1.0]) AS p FROM photos;
CREATE STREAM planes AS SELECT id, IMAGE_CHANNELS_FIRST(IMAGE_NORMALIZE(IMAGE_DECODE(photo))) AS p FROM photos;
INSERT INTO photos (id, photo) VALUES (1, 'iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAD0lEQVR4nGP4z2DMkMYAAAeZAZkLYtznAAAAAElFTkSuQmCC');
INSERT INTO photos (id, photo) VALUES (2, 'bm8gaW1hZ2U=');
INSERT INTO photos (id) VALUES (3);
ASSERT VALUES pixels (id, p, w) VALUES (1, ARRAY[ARRAY[ARRAY[255, 0, 51], ARRAY[0, 102, 0]]], 2);
ASSERT VALUES pixels (id) VALUES (2);
ASSERT VALUES pixels (id) VALUES (3);
ASSERT VALUES planes (id, p) VALUES (1, ARRAY[ARRAY[ARRAY[1, 0]], ARRAY[ARRAY[0, 0.4]], ARRAY[ARRAY[0.2, 0]]]);
ASSERT VALUES planes (id) VALUES (2);
