-- The answer for one photo, any time after it was sent.
SELECT id, route, label FROM answers WHERE id = 'p07';

-- What could not be looked at: one file is no photo. It was sent by post, and only the post's model was asked about it.
SELECT topic, `PARTITION`, `OFFSET`, column AS model, reason FROM mergus_processing_log WHERE query = 'CTAS_ANSWERS_0';

-- How often is each model right, by the labels that came later?
SELECT evaluated, ROUND(accuracy, 2) AS accuracy
FROM ML_EVALUATE(TABLE checked_by_post, MODEL digits, DESCRIPTOR(label), DESCRIPTOR(photo), 'classification');

SELECT a.route AS route, COUNT(*) AS photos, SUM(CASE WHEN a.label = t.label THEN 1 ELSE 0 END) AS right_ones
FROM answers a JOIN told t ON a.id = t.id GROUP BY a.route ORDER BY route;

-- A model over a table in a file, without a topic: a function like any other.
CREATE STREAM IF NOT EXISTS more WITH (PATH = 'queries/photos/photos.csv', PATH_FORMAT = 'csv');
SELECT id, label FROM ML_PREDICT(TABLE more, MODEL digits, DESCRIPTOR(photo));
