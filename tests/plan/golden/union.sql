-- One stage; a stream in two arms is read once.
CREATE STREAM out AS
  SELECT id, url, spent FROM clicks WHERE spent > 3
  UNION ALL SELECT b, 'none', v FROM (SELECT b, v FROM pairs WHERE v > 0 PARTITION BY b) p
  UNION ALL SELECT id, place->city, 0 FROM clicks;
