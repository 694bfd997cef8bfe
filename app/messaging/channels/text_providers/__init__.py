"""Providers of text messages: one module each, which makes the calls of its API and reads the answers."""
