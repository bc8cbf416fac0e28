-- Behind an aggregation the rows are kept, since the state alone cannot give the model's result.
CREATE TABLE out AS SELECT url, score(LATEST_BY_OFFSET(url)) AS s FROM clicks GROUP BY url;
