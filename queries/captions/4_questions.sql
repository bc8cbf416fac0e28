-- What is seen most?
SELECT caption, SUM(pictures) AS pictures FROM seen GROUP BY caption ORDER BY pictures DESC, caption LIMIT 3;

-- Are the two versions of one mind, and which is right where they are not?
SELECT COUNT(*) AS pictures,
       SUM(CASE WHEN caption$1(picture)->caption = caption$2(picture)->caption THEN 1 ELSE 0 END) AS same,
       SUM(CASE WHEN caption$1(picture)->caption = truth THEN 1 ELSE 0 END) AS first_right,
       SUM(CASE WHEN caption$2(picture)->caption = truth THEN 1 ELSE 0 END) AS second_right
FROM pictures;
