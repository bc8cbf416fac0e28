-- The new key first, the old one last.
CREATE STREAM out AS SELECT * FROM clicks PARTITION BY place->city;
