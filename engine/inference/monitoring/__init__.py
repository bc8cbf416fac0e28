"""What watches models beside the batches: shadows, monitors of drift, parity."""
