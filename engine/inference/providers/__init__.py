"""Model engines: one file each, loaded when a model asks for it."""
