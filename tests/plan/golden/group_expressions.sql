-- Keys in the order of GROUP BY, values in that of SELECT; generated names count through the projection.
CREATE TABLE out WITH (key_format = 'JSON') AS
  SELECT place->city, id, spent, spent + id, COUNT(*), 2 * id FROM clicks GROUP BY id, place->city, 2 * id, spent;
