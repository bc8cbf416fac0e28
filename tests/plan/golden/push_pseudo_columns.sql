-- A reader may have pseudo-columns under their own names, and no key.
SELECT ROWTIME, url FROM clicks EMIT CHANGES LIMIT 3;
