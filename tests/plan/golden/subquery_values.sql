CREATE STREAM out AS
  SELECT id, spent - (SELECT AVG(spent) FROM clicks c WHERE c.url = clicks.url) AS above, (SELECT city FROM users u WHERE u.id = clicks.id) AS city
  FROM clicks WHERE spent > (SELECT COUNT(*) FROM clicks) AND id IN (SELECT id FROM users);
