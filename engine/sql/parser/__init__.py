"""From text to statements: one file a part of the grammar."""
