-- A reader's star has the window's bounds behind the keys.
SELECT * FROM counted EMIT CHANGES;
