-- What fails most?
SELECT cluster, lines, services, example FROM alerts WHERE lines > 20;

-- What does the broker say?
SELECT kind, lines FROM kinds WHERE service = 'kafka';
