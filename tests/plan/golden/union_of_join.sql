-- The arm without a join waits in the stage of the one with a join; the groups are behind a further exchange.
CREATE TABLE out AS
  SELECT city, COUNT(*) AS n
  FROM (SELECT u.city AS city, c.spent AS v FROM clicks c JOIN users u ON c.id = u.id UNION ALL SELECT url, spent FROM plain) x
  GROUP BY city;
