-- Three stages.
CREATE TABLE out AS SELECT u.city, COUNT(*) AS n FROM clicks c JOIN users u ON c.id = u.id GROUP BY u.city;
