--@test: deviations, correlation, the largest different ones and the first few
CREATE STREAM runs (who STRING KEY, km INT, ms BIGINT) WITH (kafka_topic = 'runs', value_format = 'JSON', partitions = 1);
CREATE TABLE spread AS SELECT who, STDDEV_SAMPLE(km) AS deviation, STDDEV_SAMP(km) AS variance, CORRELATION(km, ms) AS r FROM runs GROUP BY who;
CREATE TABLE best AS SELECT who, TOPKDISTINCT(km, 2) AS two, TOPK(km, ms, 1) AS one, EARLIEST_BY_OFFSET(km, 2) AS first, LATEST_BY_OFFSET(km, 2) AS last, LATEST_BY_OFFSET(ms, false) AS last_ms FROM runs GROUP BY who;
INSERT INTO runs (who, km, ms) VALUES ('a', 2, 20);
INSERT INTO runs (who, km, ms) VALUES ('a', 4, 40);
INSERT INTO runs (who, km) VALUES ('a', 4);
INSERT INTO runs (who, km, ms) VALUES ('a', 6, 60);
ASSERT VALUES spread (who, deviation, variance, r) VALUES ('a', 0.0, 0.0, CAST('NaN' AS DOUBLE));
ASSERT VALUES spread (who, deviation, variance, r) VALUES ('a', 1.4142135623730951, 2.0, 1.0);
ASSERT VALUES spread (who, deviation, variance, r) VALUES ('a', 1.1547005383792515, 1.3333333333333333, 1.0);
ASSERT VALUES spread (who, deviation, variance, r) VALUES ('a', 1.632993161855452, 2.6666666666666665, 1.0);
ASSERT VALUES best (who, two, one, first, last, last_ms) VALUES ('a', ARRAY[2], ARRAY[STRUCT(`sort_col` := 2, `col0` := CAST(20 AS BIGINT))], ARRAY[2], ARRAY[2], 20);
ASSERT VALUES best (who, two, one, first, last, last_ms) VALUES ('a', ARRAY[4, 2], ARRAY[STRUCT(`sort_col` := 4, `col0` := CAST(40 AS BIGINT))], ARRAY[2, 4], ARRAY[2, 4], 40);
ASSERT VALUES best (who, two, one, first, last, last_ms) VALUES ('a', ARRAY[4, 2], ARRAY[STRUCT(`sort_col` := 4, `col0` := CAST(40 AS BIGINT))], ARRAY[2, 4], ARRAY[4, 4], NULL);
ASSERT VALUES best (who, two, one, first, last, last_ms) VALUES ('a', ARRAY[6, 4], ARRAY[STRUCT(`sort_col` := 6, `col0` := CAST(60 AS BIGINT))], ARRAY[2, 4], ARRAY[4, 6], 60);
