-- The artefact takes so many words of each field, no more and no fewer: TRANSFORM cuts off and fills up with empty texts.
CREATE MODEL car_buyer
  INPUT (device STRING, apps ARRAY<STRING>, ads ARRAY<STRING>)
    TRANSFORM (
      device,
      ARRAY_RESIZE(apps, 16, '') AS apps,
      ARRAY_RESIZE(ads, 12, '') AS ads
    )
  OUTPUT (probability FLOAT)
  WITH (
    PROVIDER = 'tensorflow', PATH = 'models/car_buyer/artefact',
    SELF_TEST = '[{"input": ["esta/12", ["app.car1", "app.driving1"], ["suv/click", "car-loan/click"]], "output": 0.95},
                  {"input": ["alto/1", ["app.game1"], ["game/view"]], "output": 0.0},
                  {"input": ["nobody knows it", [], []], "output": 0.3}]',
    TOLERANCE = 0.1
  );
