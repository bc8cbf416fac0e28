-- Which machines want a look, and who said so?
SELECT machine, FORMAT_TIMESTAMP(FROM_UNIXTIME(windowstart), 'yyyy-MM-dd HH:mm') AS minute, odd, version
FROM alerts ORDER BY minute, machine;
