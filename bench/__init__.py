"""Relance's benchmarks: the same jobs, servers and measure for Relance and for the queues people would pick."""
