"""SQL statements that count leads. Each returns the numbers of all measures, rows and buckets at once."""
