-- The joined value is the key, whichever side names it.
CREATE STREAM out AS SELECT * FROM clicks c JOIN users u ON c.id + 0 = u.id WHERE spent > 1 AND age > 17;
