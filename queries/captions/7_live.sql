-- The second version goes live, under the query that runs; the first is one statement away. The refused one has left nothing.
SELECT MODEL_VERSION(caption(picture)) AS live, MODEL_VERSION(caption@challenger(picture)) AS next FROM pictures WHERE id = 1;

ALTER MODEL caption SET ALIAS champion = 2 BECAUSE 'it reads on before it chooses';

SELECT MODEL_VERSION(caption(picture)) AS live, caption(picture)->caption AS caption FROM pictures WHERE id = 1;
