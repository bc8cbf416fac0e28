"""Physical steps, and the stages into which a logical tree is cut."""
