-- A score for each user, and how many there are for an advertiser by the make of their phone.
CREATE STREAM scores AS
  SELECT id, SPLIT(device, '/')[1] AS make, car_buyer(device, apps, ads) AS probability, bought
  FROM users EMIT CHANGES;

CREATE TABLE audience AS
  SELECT make, COUNT(*) AS people, AVG(probability) AS mean
  FROM scores WHERE probability >= 0.5 GROUP BY make EMIT CHANGES;
