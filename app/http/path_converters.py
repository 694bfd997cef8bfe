"""Path parameters: text without NUL characters, which PostgreSQL does not store."""

from typing import Any

from flask import Flask
from werkzeug.routing import UnicodeConverter


class TextConverter(UnicodeConverter):
    """Text without a slash and without NUL: with one, no route matches, and the answer is 404."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.regex = self.regex.replace("[^/]", r"[^/\x00]", 1)


def register(app: Flask) -> None:
    """Use the converter for path parameters without a type. Call it before routes are added.

    A parameter of the type `string` gets NUL too: its view refuses it with a reason.
    """
    app.url_map.converters["default"] = TextConverter
