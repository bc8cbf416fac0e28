--@test: the parts of addresses, and their parameters there and back
CREATE STREAM visits (id INT KEY, url STRING) WITH (kafka_topic = 'visits', value_format = 'JSON', partitions = 1);
CREATE STREAM parts AS SELECT id, URL_EXTRACT_PROTOCOL(url) AS protocol, URL_EXTRACT_HOST(url) AS host, URL_EXTRACT_PORT(url) AS port, URL_EXTRACT_PATH(url) AS path, URL_EXTRACT_QUERY(url) AS query, URL_EXTRACT_FRAGMENT(url) AS fragment, URL_EXTRACT_PARAMETER(url, 'q') AS q, URL_EXTRACT_PARAMETER(url, 'none') AS none FROM visits;
CREATE STREAM coded AS SELECT id, URL_ENCODE_PARAM(url) AS coded, URL_DECODE_PARAM(URL_ENCODE_PARAM(url)) = url AS same FROM visits;
INSERT INTO visits (id, url) VALUES (1, 'https://docs.example.org:8443/a/b?q=x%20y&z=1#top');
INSERT INTO visits (id, url) VALUES (2, 'http://example.org/');
INSERT INTO visits (id) VALUES (3);
ASSERT VALUES parts (id, protocol, host, port, path, query, fragment, q) VALUES (1, 'https', 'docs.example.org', 8443, '/a/b', 'q=x y&z=1', 'top', 'x y');
ASSERT VALUES parts (id, protocol, host, path) VALUES (2, 'http', 'example.org', '/');
ASSERT VALUES parts (id) VALUES (3);
ASSERT VALUES coded (id, coded, same) VALUES (1, 'https%3A%2F%2Fdocs.example.org%3A8443%2Fa%2Fb%3Fq%3Dx%2520y%26z%3D1%23top', true);
ASSERT VALUES coded (id, coded, same) VALUES (2, 'http%3A%2F%2Fexample.org%2F', true);
ASSERT VALUES coded (id, same) VALUES (3, false);
