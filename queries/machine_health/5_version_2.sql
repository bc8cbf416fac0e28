-- The engineer has one that has also seen machines at work. It answers nobody yet.
INSERT INTO announced (model, `path`, `sha256`) VALUES
  ('HEALTH', 'models/machine_health/artefact/2.tflite', 'c1f17be5c253137ca0f217a8281f4e0ee60a6fa0b6d5fb6a24710f12c471b64d');
