"""Other task queues, for comparison. Their workers import this package, so it must not import the harness."""
