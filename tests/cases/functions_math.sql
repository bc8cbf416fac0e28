--@test: rounding: halves go up, DECIMAL stays DECIMAL, whole numbers stay whole
CREATE STREAM amounts (id INT KEY, i INT, d DOUBLE, p DECIMAL(6, 3)) WITH (kafka_topic = 'amounts', value_format = 'JSON', partitions = 1);
CREATE STREAM rounded AS SELECT id, ABS(i) AS ai, ABS(p) AS ap, SIGN(d) AS sign, ROUND(d) AS r, ROUND(d, 1) AS r1, ROUND(p, 1) AS rp, FLOOR(d) AS f, CEIL(p) AS c, TRUNC(d) AS t, TRUNC(p, 2) AS tp FROM amounts;
INSERT INTO amounts (id, i, d, p) VALUES (1, -7, 2.5, 12.345);
INSERT INTO amounts (id, i, d, p) VALUES (2, 7, -2.5, -12.345);
INSERT INTO amounts (id) VALUES (3);
ASSERT STREAM rounded (id INT KEY, ai INT, ap DECIMAL(6, 3), sign INT, r BIGINT, r1 DOUBLE, rp DECIMAL(6, 3), f DOUBLE, c DECIMAL(6, 3), t BIGINT, tp DECIMAL(6, 3)) WITH (kafka_topic = 'ROUNDED', value_format = 'JSON');
ASSERT VALUES rounded (id, ai, ap, sign, r, r1, rp, f, c, t, tp) VALUES (1, 7, 12.345, 1, 3, 2.5, 12.300, 2.0, 13.000, 2, 12.340);
ASSERT VALUES rounded (id, ai, ap, sign, r, r1, rp, f, c, t, tp) VALUES (2, 7, 12.345, -1, -2, -2.5, -12.300, -3.0, -12.000, -2, -12.340);
ASSERT VALUES rounded (id) VALUES (3);

--@test: roots, powers, logarithms, angles and distances
CREATE STREAM points (id INT KEY, x DOUBLE, y DOUBLE) WITH (kafka_topic = 'points', value_format = 'JSON', partitions = 1);
CREATE STREAM powers AS SELECT id, SQRT(x) AS sq, CBRT(x) AS cb, POWER(x, y) AS pw, EXP(y) AS e, LN(x) AS ln, LOG(x) AS l, LOG(y, x) AS lb, RANDOM() < 1 AS rnd FROM points;
CREATE STREAM angles AS SELECT id, SIN(y) AS s, COS(y) AS c, TAN(y) AS t, ASIN(y) AS asn, ACOS(y) AS acs, ATAN(y) AS atn, ATAN2(y, y) AS at2, SINH(y) AS sh, COSH(y) AS ch, TANH(y) AS th, COT(x) AS ct, RADIANS(x) AS r, DEGREES(PI()) AS d FROM points;
CREATE STREAM far AS SELECT id, ROUND(GEO_DISTANCE(x, y, 0.0, 0.0)) AS km, ROUND(GEO_DISTANCE(x, y, 0.0, 0.0, 'MILES')) AS miles FROM points;
INSERT INTO points (id, x, y) VALUES (1, 64.0, 0.0);
INSERT INTO points (id, x, y) VALUES (2, 90.0, 2.0);
INSERT INTO points (id) VALUES (3);
ASSERT VALUES powers (id, sq, cb, pw, e, ln, l, lb, rnd) VALUES (1, 8.0, 4.0, 1.0, 1.0, 4.1588830833596715, 4.1588830833596715, CAST('NaN' AS DOUBLE), true);
ASSERT VALUES powers (id, sq, cb, pw, e, ln, l, lb, rnd) VALUES (2, 9.486832980505138, 4.481404746557165, 8100.0, 7.38905609893065, 4.499809670330265, 4.499809670330265, 6.491853096329675, true);
ASSERT VALUES powers (id, rnd) VALUES (3, true);
ASSERT VALUES angles (id, s, c, t, asn, acs, atn, at2, sh, ch, th, ct, r, d) VALUES (1, 0.0, 1.0, 0.0, 0.0, 1.5707963267948966, 0.0, 0.0, 0.0, 1.0, 0.0, 0.4259197176610049, 1.117010721276371, 180.0);
ASSERT VALUES angles (id, s, c, t, asn, acs, atn, at2, sh, ch, th, ct, r, d) VALUES (2, 0.9092974268256817, -0.4161468365471424, -2.185039863261519, CAST('NaN' AS DOUBLE), CAST('NaN' AS DOUBLE), 1.1071487177940904, 0.7853981633974483, 3.626860407847019, 3.7621956910836314, 0.9640275800758169, -0.5012027833801532, 1.5707963267948966, 180.0);
ASSERT VALUES angles (id, d) VALUES (3, 180.0);
ASSERT VALUES far (id, km, miles) VALUES (1, 7116, 4422);
ASSERT VALUES far (id, km, miles) VALUES (2, 10008, 6219);
ASSERT VALUES far (id) VALUES (3);

--@test: LOG10 and MOD
CREATE STREAM numbers (id INT KEY, d DOUBLE, i INT, b BIGINT) WITH (kafka_topic = 'numbers', value_format = 'JSON', partitions = 1);
CREATE STREAM made AS SELECT id, LOG10(d) AS l, MOD(i, 3) AS mi, MOD(b, i) AS mb, MOD(d, 0.5e0) AS md FROM numbers;
INSERT INTO numbers (id, d, i, b) VALUES (1, 100.0, -7, 9000000000);
INSERT INTO numbers (id, d, i, b) VALUES (2, 1.25, 0, 1);
ASSERT VALUES made (id, l, mi, mb, md) VALUES (1, 2.0, -1, 5, 0.0);
ASSERT VALUES made (id, l, mi, md) VALUES (2, 0.09691001300805642, 0, 0.25);

--@test: ROUND and TRUNC of whole numbers are BIGINT, of DECIMALs the digits before the point
CREATE STREAM amounts (id INT KEY, n INT, p DECIMAL(4, 2), f DECIMAL(2, 2)) WITH (kafka_topic = 'amounts', value_format = 'JSON', partitions = 1);
CREATE STREAM whole AS SELECT id, ROUND(n) AS rn, TRUNC(n) AS tn, ROUND(p) AS rp, TRUNC(p) AS tp, ROUND(f) AS rf FROM amounts;
INSERT INTO amounts (id, n, p, f) VALUES (1, 7, -99.50, 0.50);
INSERT INTO amounts (id, n, p, f) VALUES (2, -7, 99.50, 0.49);
ASSERT STREAM whole (id INT KEY, rn BIGINT, tn BIGINT, rp DECIMAL(2, 0), tp DECIMAL(2, 0), rf DECIMAL(1, 0)) WITH (kafka_topic = 'WHOLE', value_format = 'JSON');
ASSERT VALUES whole (id, rn, tn, rp, tp, rf) VALUES (1, 7, 7, -99, -99, 1);
ASSERT VALUES whole (id, rn, tn, tp, rf) VALUES (2, -7, -7, 99, 0);
