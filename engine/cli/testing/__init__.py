"""`mergus test`: test files in SQL, and test cases as data."""
