-- Whom to show the car?
SELECT id, make, ROUND(probability, 2) AS probability FROM scores ORDER BY probability DESC, id LIMIT 3;

-- How many are there?
SELECT make, people FROM audience ORDER BY make;

-- Was the model right, three months later?
SELECT COUNT(*) AS people,
       SUM(CASE WHEN bought THEN 1 ELSE 0 END) AS buyers,
       SUM(CASE WHEN probability >= 0.5 THEN 1 ELSE 0 END) AS named,
       SUM(CASE WHEN probability >= 0.5 AND bought THEN 1 ELSE 0 END) AS named_buyers
FROM scores;
