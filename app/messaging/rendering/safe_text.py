"""Make untrusted text safe for a header or a log line, and short enough for a channel."""


def one_line(text: str) -> str:
    """Return the text in one line, without control characters and with single spaces."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())


def shortened(text: str, most: int) -> str:
    """Return the text, or as much of it as `most` characters can hold, with an ellipsis at its end."""
    if len(text) <= most:
        return text
    return f"{text[: most - 1]}…" if most else ""
