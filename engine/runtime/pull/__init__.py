"""Pull queries under way, beside the work of the flows whose tables they read."""
