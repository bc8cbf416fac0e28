-- Filter and projection are one call; only what is read is decoded.
CREATE STREAM out AS SELECT id, spent + 1, url AS u FROM clicks WHERE spent > 3 AND url LIKE 'a%';
