-- Over a table rows are taken back: two exchanges.
CREATE TABLE out AS SELECT city, COUNT(*) AS n, SUM(age) AS years FROM users WHERE age > 17 GROUP BY city;
