-- What a healthy machine does not do, and which version says so.
CREATE STREAM judged AS
  SELECT machine, error, __model_version AS version
  FROM ML_PREDICT(TABLE sensors, MODEL health, DESCRIPTOR(vibration)) EMIT CHANGES;

-- Three odd ones of a machine in a minute are a reason to look.
CREATE TABLE alerts AS
  SELECT machine, COUNT(*) AS odd, MAX(error) AS worst, LATEST_BY_OFFSET(version) AS version
  FROM judged WINDOW TUMBLING (SIZE 1 MINUTE)
  WHERE error > 0.015
  GROUP BY machine HAVING COUNT(*) >= 3 EMIT CHANGES;
