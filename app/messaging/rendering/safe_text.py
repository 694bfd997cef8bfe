"""Make untrusted text safe for a header or a log line."""


def one_line(text: str) -> str:
    """Return the text in one line, without control characters and with single spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
