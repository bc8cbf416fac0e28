"""The corpus that the models are trained on: templates, slots, captured lines, and the generator over them."""
