-- Every type that a service is sent, in one record: a number, a truth, a text, lists of one and two dimensions, a list of
-- texts, a sparse tensor and an image.
CREATE TYPE places AS STRUCT<indices ARRAY<ARRAY<BIGINT>>, `VALUES` ARRAY<DOUBLE>, shape ARRAY<BIGINT>>;

CREATE MODEL parcel
  INPUT (pieces INT, weight DOUBLE, fragile BOOLEAN, town STRING, sides FLOAT[3], scans ARRAY<ARRAY<FLOAT>>, marks ARRAY<STRING>, load PLACES, photo BYTES)
  OUTPUT (price DOUBLE, address STRING, brightest ARRAY<FLOAT>)
  WITH (PROVIDER = 'python', PATH = 'queries/photos/parcel.py');

CREATE STREAM parcels (id STRING, pieces INT, weight DOUBLE, fragile BOOLEAN, town STRING, sides FLOAT[3], scans ARRAY<ARRAY<FLOAT>>, marks ARRAY<STRING>, load PLACES, photo STRING)
  WITH (PATH = 'queries/photos/parcels.jsonl', PATH_FORMAT = 'json');

SELECT p.id, ROUND(p.m->price, 2) AS price, p.m->address AS address, p.m->brightest AS brightest
FROM (SELECT id, parcel(pieces, weight, fragile, town, sides, scans, marks, load, TO_BYTES(photo, 'base64')) AS m FROM parcels) p;
