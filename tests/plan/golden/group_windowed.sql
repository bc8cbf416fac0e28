-- Rows of a batch are combined before the exchange; HAVING and the projection are the view of the state.
CREATE TABLE out AS
  SELECT url, COUNT(*) AS n, SUM(spent) / COUNT(*) AS mean, WINDOWSTART AS since
  FROM clicks WINDOW TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 10 SECONDS)
  WHERE spent > 0 GROUP BY url HAVING COUNT(*) > 1;
