-- Versions of the model are announced on a topic: where the file lies, and what its digest must be.
CREATE STREAM announced (model STRING KEY, `path` STRING, `sha256` STRING)
  WITH (KAFKA_TOPIC = 'models', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

INSERT INTO announced (model, `path`, `sha256`) VALUES
  ('HEALTH', 'models/machine_health/artefact/1.tflite', 'f9880a68bb6e881a1d8f8080a5f84601b8a1cb38c2ca785369931fd9860ec027');

CREATE MODEL health WITH (PROVIDER = 'tflite', TOPIC = 'models');
