"""Benchmarks of Relance and of other task queues, with the same jobs, servers and measurements."""
