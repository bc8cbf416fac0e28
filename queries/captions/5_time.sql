-- Where the time went: that of the model, and that of the engine around it.
EXPLAIN ANALYZE CTAS_SEEN_0;
