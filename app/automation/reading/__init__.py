"""Definitions for editors: YAML with places of mistakes, sentences, pictures, vocabulary, and the latest results."""
