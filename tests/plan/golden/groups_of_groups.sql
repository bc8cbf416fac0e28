-- A chain of exchanges; the conditions on the inner groups are a HAVING, and groups without rows are hidden.
CREATE TABLE out AS
  WITH counts AS (SELECT url, COUNT(*) AS n FROM plain GROUP BY url)
  SELECT n, COUNT(*) AS urls FROM counts WHERE n > 1 GROUP BY n;
