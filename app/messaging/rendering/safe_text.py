"""Text of strangers, made harmless for a header or a log line."""


def one_line(text: str) -> str:
    """The text without line breaks and control characters, its spaces single."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
