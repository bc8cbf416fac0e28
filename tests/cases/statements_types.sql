--@test: CREATE TYPE names a type, which stands in columns, casts and other types; DROP TYPE leaves them
CREATE TYPE address AS STRUCT<city STRING, zip INT>;
CREATE TYPE addresses AS MAP<STRING, address>;
CREATE TYPE IF NOT EXISTS address AS STRING;
CREATE STREAM people (id INT KEY, home ADDRESS, more ADDRESSES) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
DROP TYPE addresses;
DROP TYPE IF EXISTS addresses;
CREATE STREAM cities AS SELECT id, home->city AS city, more['work']->zip AS zip, CAST(NULL AS ADDRESS) AS none FROM people;
INSERT INTO people (id, home, more) VALUES (1, STRUCT(city := 'Bonn', zip := 53111), MAP('work' := STRUCT(city := 'Oslo', zip := 150)));
ASSERT STREAM cities (id INT KEY, city STRING, zip INT, none STRUCT<city STRING, zip INT>) WITH (kafka_topic = 'CITIES', value_format = 'JSON');
ASSERT VALUES cities (id, city, zip) VALUES (1, 'Bonn', 150);

--@test: DROP TYPE: what is not there is refused
--@expected.error: UnknownName
DROP TYPE address;

--@test: a type that was dropped is unknown
--@expected.error: ParseError
--@expected.message: ADDRESS
CREATE TYPE address AS STRUCT<city STRING>;
DROP TYPE address;
CREATE STREAM people (id INT KEY, home ADDRESS) WITH (kafka_topic = 'people', value_format = 'JSON', partitions = 1);
