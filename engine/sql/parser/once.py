"""What only a query that is answered once can have, and what a query that goes on has instead."""

from __future__ import annotations

ONCE = "leave out EMIT to have it answered once, from what is there now"
ASK = "ask what the query makes: a pull query takes it"
NOTHING = "a SELECT without FROM"
_EACH = "a table for each grouping: CREATE TABLE … GROUP BY a, and one GROUP BY a, b"
INSTEAD = {
    NOTHING: "name the stream or table: SELECT … FROM logs",
    "DISTINCT": "GROUP BY the columns: a table has each of its groups once",
    "ORDER BY": ASK,
    "LIMIT in a sub-query": ASK,
    "OFFSET": ASK,
    "QUALIFY": "TOPK, LATEST_BY_OFFSET or ARG_MAX over GROUP BY keep some rows of a group",
    "a window function": "GROUP BY, with a WINDOW where the rows of a time belong together",
    "CROSS JOIN": "join on an equality: a JOIN b ON a.x = b.y; items of a list are rows by SELECT EXPLODE(items) AS item",
    "LATERAL": "join on an equality: a JOIN b ON a.x = b.y",
    "UNNEST in FROM": "a row of each item: SELECT id, EXPLODE(items) AS item FROM s",
    "ROLLUP": _EACH,
    "CUBE": _EACH,
    "GROUPING SETS": _EACH,
    "NATURAL JOIN": "say by which columns: JOIN b USING (x)",
    "UNION": "UNION ALL goes on; GROUP BY over it makes a table that has each row once",
    "VALUES": "rows come from a stream or table: INSERT INTO s VALUES (…)",
    "INTERSECT": "join the two: a JOIN b ON a.x = b.y",
    "EXCEPT": "a LEFT JOIN b ON a.x = b.y WHERE b.y IS NULL",
}
