"""From syntax to a logical tree: what names, keys, groups, joins and calls of a SELECT mean, by ksqlDB's rules."""
