-- What are most failures about?
SELECT cluster, SUM(lines) AS failures, MAX(example) AS example
FROM alerts GROUP BY cluster ORDER BY failures DESC, cluster LIMIT 3;

-- What came up for the first time in the last ten seconds?
SELECT first_line FROM clusters
WHERE first_seen > (SELECT MAX(logged_at) FROM logs) - 10000
ORDER BY first_seen, first_line LIMIT 3;

-- What was said before that is like this?
SELECT first_line, ROUND(cosine_similarity(embed(first_line), embed('password rejected for user bob')), 2) AS alike
FROM clusters ORDER BY alike DESC, first_line LIMIT 3;
