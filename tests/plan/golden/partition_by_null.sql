-- The key is taken away.
CREATE STREAM out AS SELECT url, spent FROM clicks PARTITION BY NULL;
