-- Yesterday's users lie in a file. The same statements run over a topic: then WITH names KAFKA_TOPIC and VALUE_FORMAT.
CREATE STREAM users (id INT KEY, device STRING, apps ARRAY<STRING>, ads ARRAY<STRING>, bought BOOLEAN)
  WITH (PATH = 'queries/car_buyers/users.jsonl', PATH_FORMAT = 'json');
