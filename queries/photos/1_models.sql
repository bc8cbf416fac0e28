-- Three models in one process: a network, the same network in the format for telephones, and a function in Python.
CREATE MODEL digits
  INPUT (photo STRING) TRANSFORM (IMAGE_NORMALIZE(IMAGE_DECODE(IMAGE_RESIZE(photo, 8, 8))) AS pixels)
  OUTPUT (scores FLOAT[10]) TRANSFORM (CAST(ARRAY_POSITION(scores, ARRAY_MAX(scores)) - 1 AS STRING) AS label, ARRAY_MAX(scores) AS probability)
  WITH (PROVIDER = 'tensorflow', PATH = 'models/digits/artefact');

CREATE MODEL digits_small
  INPUT (photo STRING) TRANSFORM (IMAGE_NORMALIZE(IMAGE_DECODE(IMAGE_RESIZE(photo, 8, 8))) AS pixels)
  OUTPUT (scores FLOAT[10]) TRANSFORM (CAST(ARRAY_POSITION(scores, ARRAY_MAX(scores)) - 1 AS STRING) AS label, ARRAY_MAX(scores) AS probability)
  WITH (PROVIDER = 'tflite', PATH = 'models/digits/digits.tflite');

CREATE MODEL page
  INPUT (photo STRING) TRANSFORM (IMAGE_NORMALIZE(IMAGE_DECODE(photo)) AS pixels)
  OUTPUT (label STRING, darkest FLOAT)
  WITH (PROVIDER = 'python', PATH = 'queries/photos/page.py');
