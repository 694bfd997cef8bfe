"""The texts of a template: one for each channel and language that has its own. Which is used is decided here. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import product
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit
from uuid import UUID

from app.messaging.rendering.render import Wording

LONGEST_URL: Final = 2000


class MediaType(StrEnum):
    IMAGE = "image"
    VIDEO = "video"


class Media(NamedTuple):
    """What goes along with a text, by its address."""

    type: str
    url: str


class Variant(NamedTuple):
    """A text for a channel (None: any) and a language (None: any)."""

    channel: str | None
    language: str | None
    subject: str | None
    body: str
    media: Media | None = None

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """From a version's row."""
        media = kept.get("media")
        return cls(**{**kept, "media": Media(**media) if media else None})

    def to_json(self) -> dict[str, Any]:
        """For a version's row."""
        return {**self._asdict(), "media": self.media._asdict() if self.media else None}

    @property
    def name(self) -> str:
        """`email:fr-CA`; of the one for all others `any:default`."""
        return name_of(self.channel, self.language)

    @property
    def wording(self) -> Wording:
        """As it is rendered."""
        return Wording(self.subject or "", self.body)


class Template(NamedTuple):
    """A template as of one version."""

    version_id: UUID
    variants: tuple[Variant, ...]


def choose(variants: Iterable[Variant], channel: str, languages: Iterable[str]) -> Variant:
    """The text for a channel in the first of these languages that there is.

    One of the channel's own goes before one for any, whatever their languages: a text that was written for a channel
    fits it. Of `variants` one is for any channel and any language.
    """
    known = {(variant.channel, variant.language): variant for variant in variants}
    return next(known[way] for way in ways(channel, languages) if way in known)


def ways(channel: str, languages: Iterable[str]) -> Iterator[tuple[str | None, str | None]]:
    """For which channel and language a text is looked for, in this order."""
    return product((channel, None), (*languages, None))


def is_public_address(url: object) -> bool:
    """Whether it is an https address of something that anybody may look at; where it leads, who sends it finds out."""
    try:
        parts = urlsplit(str(url))
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = str(url).isprintable() and " " not in str(url) and len(str(url)) <= LONGEST_URL
    return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and has_port and is_plain


def name_of(channel: str | None, language: str | None) -> str:
    """How a variant is called."""
    return f"{channel or 'any'}:{language or 'default'}"
