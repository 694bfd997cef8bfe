"""Parse mail that arrives: its parts, the new text of a reply, automatic replies."""
