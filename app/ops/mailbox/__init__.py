"""Stands in for a mail provider in development: keeps every message as a file, and shows it on a page."""
