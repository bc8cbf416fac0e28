-- Keys first, then values, in the source's order.
CREATE STREAM out AS SELECT * FROM clicks;
