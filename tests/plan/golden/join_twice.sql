-- The second table crosses both exchanges.
CREATE STREAM out AS
  SELECT u.city, land, url FROM clicks c JOIN users u ON c.id = u.id JOIN cities t ON u.city = t.name;
