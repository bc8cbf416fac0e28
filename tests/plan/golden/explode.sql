-- Table functions stand side by side.
CREATE STREAM out AS SELECT id, EXPLODE(tags) AS tag, EXPLODE(ARRAY[1, 2]) AS n FROM clicks;
