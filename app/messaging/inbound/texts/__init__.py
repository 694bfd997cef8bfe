"""Text messages that arrive, and reports about sent ones: read the providers' calls, and apply their effects."""
