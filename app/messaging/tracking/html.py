"""The HTML part of a tracked e-mail: the plain text with its links, without any further formatting."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from markupsafe import Markup, escape

_PARAGRAPHS: Final = re.compile(r"\n\s*\n")
_IMAGE: Final = Markup('<img src="{}" width="1" height="1" alt="" style="display:block">')
_LINK: Final = Markup('<a href="{}">{}</a>')
_PAGE: Final = Markup('<!doctype html>\n<html><head><meta charset="utf-8"></head>\n<body>\n{}\n{}</body></html>\n')


class Link(NamedTuple):
    """A link of a text: its target, which readers see, and the address that it leads to."""

    target: str
    address: str


Piece: TypeAlias = str | Link


def html_of(pieces: Iterable[Piece], *, image: str | None) -> str:
    """Return a page with the text. Blank lines separate paragraphs. `image`: the address of an invisible image."""
    text = Markup().join(
        _LINK.format(one.address, one.target) if isinstance(one, Link) else escape(one) for one in pieces
    )
    paragraphs = [_as_paragraph(one) for one in _PARAGRAPHS.split(text.replace("\r\n", "\n")) if one.strip()]
    return _PAGE.format(Markup("\n").join(paragraphs), _IMAGE.format(image) if image else "")


def _as_paragraph(text: str) -> Markup:
    lines = text.strip("\n").split("\n")
    return Markup("<p>{}</p>").format(Markup("<br>\n").join(Markup(line) for line in lines))  # noqa: S704  (escaped above)
