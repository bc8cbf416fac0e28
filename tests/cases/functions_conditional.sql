--@test: COALESCE, IFNULL, NULLIF, GREATEST, LEAST and AS_VALUE
CREATE STREAM offers (shop STRING KEY, price INT, other INT, word STRING) WITH (kafka_topic = 'offers', value_format = 'JSON', partitions = 1);
CREATE STREAM chosen AS SELECT shop, AS_VALUE(shop) AS shop_again, COALESCE(price, other, -1) AS first, IFNULL(word, 'none') AS word, NULLIF(price, 0) AS not_zero, GREATEST(price, other, 5) AS most, LEAST(price, other) AS least FROM offers;
INSERT INTO offers (shop, price, other, word) VALUES ('a', 0, 9, 'new');
INSERT INTO offers (shop, other) VALUES ('b', 3);
INSERT INTO offers (shop) VALUES ('c');
ASSERT VALUES chosen (shop, shop_again, first, word, not_zero, most, least) VALUES ('a', 'a', 0, 'new', NULL, 9, 0);
ASSERT VALUES chosen (shop, shop_again, first, word, not_zero, most, least) VALUES ('b', 'b', 3, 'none', NULL, 5, 3);
ASSERT VALUES chosen (shop, shop_again, first, word, not_zero, most, least) VALUES ('c', 'c', -1, 'none', NULL, 5, NULL);
