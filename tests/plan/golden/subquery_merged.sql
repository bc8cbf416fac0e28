-- What cannot fail is filtered first and merged; what can is evaluated where it stands.
CREATE STREAM out AS
  SELECT id, cents / 100 AS euros, half FROM (SELECT id, url, spent AS cents, spent / 2 AS half FROM clicks) c WHERE cents > 1 AND half > 3;
