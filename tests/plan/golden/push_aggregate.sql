-- Without GROUP BY all rows are one group.
SELECT COUNT(*) AS n FROM clicks EMIT CHANGES;
