-- What only the stream decides filters before the exchange; what a LEFT JOIN may fill stays behind it.
CREATE STREAM out AS
  SELECT c.id, u.city, spent FROM clicks c LEFT JOIN users u ON c.id = u.id WHERE spent > 1 AND age > 17;
