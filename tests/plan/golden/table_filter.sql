-- A row that does not pass takes back what its key had; the rows are kept for pull queries.
CREATE TABLE out AS SELECT id, city FROM users WHERE age > 17;
