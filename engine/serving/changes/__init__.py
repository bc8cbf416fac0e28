"""What a statement changes, worked out before anything is done."""
