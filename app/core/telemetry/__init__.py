"""Logs, and traces of requests and steps."""
