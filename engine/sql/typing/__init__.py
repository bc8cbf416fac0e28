"""From syntax to typed expressions: types, coercions, overloads."""
