--@test: timestamps, dates and times as text and back, by Java's patterns
CREATE STREAM moments (id INT KEY, t STRING, at TIMESTAMP, day DATE, clock TIME) WITH (kafka_topic = 'moments', value_format = 'JSON', partitions = 1);
CREATE STREAM written AS SELECT id, FORMAT_TIMESTAMP(at, 'yyyy-MM-dd''T''HH:mm:ssX') AS utc, FORMAT_TIMESTAMP(at, 'EEE d MMM yyyy, h a', 'America/New_York') AS ny, FORMAT_DATE(day, 'dd/MM/yy') AS d, FORMAT_TIME(clock, 'HH''h''mm') AS c, TIMESTAMPTOSTRING(UNIX_TIMESTAMP(at), 'yyyyMMdd') AS old, DATETOSTRING(UNIX_DATE(day), 'D') AS nth FROM moments;
CREATE STREAM read AS SELECT id, PARSE_TIMESTAMP(t, 'dd.MM.yyyy HH:mm', 'Europe/Berlin') AS at, PARSE_DATE(SUBSTRING(t, 1, 10), 'dd.MM.yyyy') AS day, PARSE_TIME(SUBSTRING(t, 12), 'HH:mm') AS clock, STRINGTOTIMESTAMP(t, 'dd.MM.yyyy HH:mm') AS millis, STRINGTODATE(SUBSTRING(t, 1, 10), 'dd.MM.yyyy') AS days FROM moments;
INSERT INTO moments (id, t, at, day, clock) VALUES (1, '01.07.2024 12:30', '2024-03-09T23:05:06.007', '2024-12-31', '07:08:09');
INSERT INTO moments (id, t) VALUES (2, 'yesterday');
INSERT INTO moments (id) VALUES (3);
ASSERT VALUES written (id, utc, ny, d, c, old, nth) VALUES (1, '2024-03-09T23:05:06Z', 'Sat 9 Mar 2024, 6 PM', '31/12/24', '07h08', '20240309', '366');
ASSERT VALUES written (id) VALUES (2);
ASSERT VALUES written (id) VALUES (3);
ASSERT VALUES read (id, at, day, clock, millis, days) VALUES (1, '2024-07-01T10:30:00.000', '2024-07-01', '12:30:00', 1719837000000, 19905);
ASSERT VALUES read (id) VALUES (2);
ASSERT VALUES read (id) VALUES (3);

--@test: moments are moved: months end where they end, days go round midnight, zones move the clock
CREATE STREAM moments (id INT KEY, at TIMESTAMP, day DATE, clock TIME, n INT) WITH (kafka_topic = 'moments', value_format = 'JSON', partitions = 1);
CREATE STREAM moved AS SELECT id, TIMESTAMPADD(HOURS, n, at) AS later, TIMESTAMPSUB(MILLISECONDS, 1, at) AS before, DATEADD(MONTHS, n, day) AS day_later, DATESUB(YEARS, n, day) AS day_before, TIMEADD(MINUTES, 90, clock) AS clock_later, TIMESUB(SECONDS, 1, clock) AS clock_before, CONVERT_TZ(at, 'UTC', 'Asia/Tokyo') AS tokyo FROM moments;
CREATE STREAM numbers AS SELECT id, UNIX_TIMESTAMP(at) AS millis, FROM_UNIXTIME(UNIX_TIMESTAMP(at)) = at AS same, UNIX_DATE(day) AS days, FROM_DAYS(UNIX_DATE(day)) = day AS same_day, UNIX_TIMESTAMP() > 0 AND UNIX_DATE() > 0 AS now FROM moments;
INSERT INTO moments (id, at, day, clock, n) VALUES (1, '2024-02-29T23:00:00.000', '2024-01-31', '00:00:00', 1);
INSERT INTO moments (id) VALUES (2);
ASSERT VALUES moved (id, later, before, day_later, day_before, clock_later, clock_before, tokyo) VALUES (1, '2024-03-01T00:00:00.000', '2024-02-29T22:59:59.999', '2024-02-29', '2023-01-31', '01:30:00', '23:59:59', '2024-03-01T08:00:00.000');
ASSERT VALUES moved (id) VALUES (2);
ASSERT VALUES numbers (id, millis, same, days, same_day, now) VALUES (1, 1709247600000, true, 19753, true, true);
ASSERT VALUES numbers (id, same, same_day, now) VALUES (2, false, false, true);

--@test: DATE_TRUNC, DATE_PART and EXTRACT
CREATE STREAM moments (id INT KEY, at TIMESTAMP, d DATE, t TIME, unit STRING) WITH (kafka_topic = 'moments', value_format = 'JSON', partitions = 1);
CREATE STREAM parts AS SELECT id, DATE_TRUNC('hour', at) AS h, DATE_TRUNC('MONTH', d) AS m, DATE_TRUNC(unit, at) AS u,
  EXTRACT(HOUR FROM at) AS hour, DATE_PART('DOW', d) AS dow, EXTRACT(minute FROM t) AS minute FROM moments;
INSERT INTO moments (id, at, d, t, unit) VALUES (1, '2024-02-29T13:14:15.678', '2024-02-29', '23:59:58', 'week');
INSERT INTO moments (id, at, d, t, unit) VALUES (2, '1969-12-31T23:59:59.999', '1969-12-31', '00:00:00', 'fortnight');
INSERT INTO moments (id) VALUES (3);
ASSERT VALUES parts (id, h, m, u, hour, dow, minute) VALUES (1, '2024-02-29T13:00:00', '2024-02-01', '2024-02-26T00:00:00', 13, 4, 59);
ASSERT VALUES parts (id, h, m, u, hour, dow, minute) VALUES (2, '1969-12-31T23:00:00', '1969-12-01', NULL, 23, 3, 0);
ASSERT VALUES parts (id, h, m, u, hour, dow, minute) VALUES (3, NULL, NULL, NULL, NULL, NULL, NULL);

--@test: moments moved by intervals, dates subtracted and moved by days, how far apart they are
CREATE STREAM moments (id INT KEY, at TIMESTAMP, day DATE, clock TIME, n INT) WITH (kafka_topic = 'moments', value_format = 'JSON', partitions = 1);
CREATE STREAM moved AS SELECT id, at + INTERVAL '5' MINUTE AS a, at - INTERVAL 1 MONTH AS b, day + INTERVAL '2' WEEKS AS c, day + INTERVAL '90 minutes' AS d, clock - INTERVAL 1 SECOND AS e, at + INTERVAL n DAYS - INTERVAL '1 day 1.5 seconds' AS f, INTERVAL (n + 1) QUARTER + day AS g FROM moments;
CREATE STREAM apart AS SELECT id, day - DATE '2024-01-01' AS days, day + n AS later, TIMESTAMPDIFF(HOURS, TIMESTAMP '2024-02-28 00:00:00', at) AS hours, DATE_DIFF('month', day, DATE '2024-03-01') AS months, DATE_DIFF(WEEK, at, TIMESTAMP '2024-03-04') AS weeks, TIMESTAMPDIFF(MONTH, at, TIMESTAMP '2024-03-01') AS whole FROM moments;
CREATE STREAM recent AS SELECT id, at FROM moments WHERE at >= TIMESTAMP '2024-03-01' - INTERVAL '1' DAY AND ROWTIME + INTERVAL '1' SECOND < TIMESTAMP '1970-01-01 00:00:03' AND NOW() > at AND CURRENT_TIMESTAMP > at + INTERVAL 1 DAY AND CURRENT_DATE > day;
INSERT INTO moments (rowtime, id, at, day, clock, n) VALUES (1000, 1, '2024-02-29T23:00:00.000', '2024-01-31', '00:00:00', 1);
INSERT INTO moments (rowtime, id, at, day) VALUES (1500, 2, '2024-02-28T00:00:00.000', '2024-01-31');
INSERT INTO moments (rowtime, id, at, day) VALUES (2000, 3, '2024-02-29T23:00:00.000', '2024-01-31');
ASSERT VALUES moved (id, a, b, c, d, e, f, g) VALUES (1, '2024-02-29T23:05:00.000', '2024-01-29T23:00:00.000', '2024-02-14', '2024-01-31T01:30:00.000', '23:59:59', '2024-02-29T22:59:58.500', '2024-07-31');
ASSERT VALUES moved (id, a, b, c, d) VALUES (2, '2024-02-28T00:05:00.000', '2024-01-28T00:00:00.000', '2024-02-14', '2024-01-31T01:30:00.000');
ASSERT VALUES apart (id, days, later, hours, months, weeks, whole) VALUES (1, 30, '2024-02-01', 47, 2, 0, 0);
ASSERT VALUES apart (id, days, hours, months, weeks, whole) VALUES (2, 30, 0, 2, 0, 0);
ASSERT VALUES recent (id, at) VALUES (1, '2024-02-29T23:00:00.000');

--@test: fields of times, days by name, patterns of C's
CREATE STREAM moments (id INT KEY, at TIMESTAMP, day DATE) WITH (kafka_topic = 'moments', value_format = 'JSON', partitions = 1);
CREATE STREAM fields AS SELECT id, YEAR(at) AS y, QUARTER(at) AS q, MONTH(day) AS m, WEEK(at) AS w, DAY(at) AS d, DAYOFWEEK(at) AS dw, DAYOFYEAR(at) AS dy, HOUR(at) AS h, MINUTE(at) AS mi, SECOND(at) AS s, DAYNAME(at) AS dn, MONTHNAME(day) AS mn, LAST_DAY(at) AS ld, DATE(at) AS da, STRFTIME(at, '%d.%m.%Y %H:%M') AS st, STRPTIME('2.3.2024 10', '%d.%m.%Y %H') AS sp FROM moments;
INSERT INTO moments (id, at, day) VALUES (1, '2024-02-25T23:05:06.000', '2024-12-31');
INSERT INTO moments (id) VALUES (2);
ASSERT VALUES fields (id, y, q, m, w, d, dw, dy, h, mi, s, dn, mn, ld, da, st, sp) VALUES (1, 2024, 1, 12, 8, 25, 0, 56, 23, 5, 6, 'Sunday', 'December', '2024-02-29', '2024-02-25', '25.02.2024 23:05', '2024-03-02T10:00:00.000');
ASSERT VALUES fields (id, sp) VALUES (2, '2024-03-02T10:00:00.000');

--@test: text is read as Java's formatters do: 24:00 is the next midnight, the 31st of a shorter month its last day, a day of the week must be that of the date
CREATE STREAM said (id INT KEY, t STRING) WITH (kafka_topic = 'said', value_format = 'JSON', partitions = 1);
CREATE STREAM heard AS SELECT id, PARSE_TIMESTAMP(t, 'EEE yyyy-MM-dd HH:mm') AS at, STRINGTODATE(SUBSTRING(t, 5, 10), 'yyyy-MM-dd') AS days, PARSE_TIME(SUBSTRING(t, 16), 'HH:mm') AS clock, PARSE_TIME(SUBSTRING(t, 16), 'hh:mm') AS half FROM said;
INSERT INTO said (id, t) VALUES (1, 'Sat 2021-02-27 24:00');
INSERT INTO said (id, t) VALUES (2, 'Sun 2021-02-31 10:00');
INSERT INTO said (id, t) VALUES (3, 'Mon 2021-02-27 24:01');
ASSERT VALUES heard (id, at, days, clock) VALUES (1, '2021-02-28T00:00:00.000', 18685, '00:00:00');
ASSERT VALUES heard (id, at, days, clock) VALUES (2, '2021-02-28T10:00:00.000', 18686, '10:00:00');
ASSERT VALUES heard (id, days) VALUES (3, 18685);

--@test: units of time are the same words everywhere, in the singular and in the plural
CREATE STREAM moments (id INT KEY, at TIMESTAMP, day DATE) WITH (kafka_topic = 'moments', value_format = 'JSON', partitions = 1);
CREATE STREAM moved AS SELECT id, TIMESTAMPADD(WEEKS, 2, at) AS a, at + INTERVAL 2 WEEKS AS b, DATEADD(QUARTER, 1, day) AS c, day + INTERVAL '1' QUARTER AS d, DATE_DIFF(WEEKS, day, day + INTERVAL id WEEK) AS e, TIMESTAMPDIFF(QUARTERS, at, at + INTERVAL 7 MONTHS) AS f FROM moments;
CREATE TABLE counted AS SELECT 'all' AS k, COUNT(*) AS n FROM moments WINDOW TUMBLING (SIZE 1 WEEK, RETENTION 2 WEEKS, GRACE PERIOD 1 DAY) GROUP BY 'all';
INSERT INTO moments (id, at, day) VALUES (3, '2024-01-31T10:00', '2024-01-31');
ASSERT VALUES moved (id, a, b, c, d, e, f) VALUES (3, '2024-02-14T10:00', '2024-02-14T10:00', '2024-04-30', '2024-04-30', 3, 2);
ASSERT VALUES counted (k, n) VALUES ('all', 1);
