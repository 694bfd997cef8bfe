"""Variants of a template: its texts per channel and language, and the choice between them. Pure."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import product
from typing import Final, NamedTuple, Self
from uuid import UUID

from app.core.http_client.targets import NotAllowed, names_public_host, parse_target
from app.core.type_aliases import JsonDict, JsonObject
from app.messaging.rendering.render import Wording

MAX_URL_LENGTH: Final = 2000


class MediaType(StrEnum):
    """Type of a media file."""

    IMAGE = "image"
    VIDEO = "video"
    DOCUMENT = "document"


class Media(NamedTuple):
    """A file that is sent with a text."""

    type: str
    url: str


class ProviderTemplate(NamedTuple):
    """A text that the provider has approved. It is sent where the provider allows no text of our own.

    `name` is its name at the provider, or the SID of its content at Twilio. `parameters` are the values in order: in a
    variant their template texts, in a message the rendered values.
    """

    name: str
    language: str  # as the provider writes it, such as `en_US`
    parameters: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, stored: JsonObject) -> Self:
        """Return the template from its JSON."""
        return cls(stored["name"], stored["language"], tuple(stored.get("parameters") or ()))

    def to_json(self) -> JsonDict:
        """Return the JSON for a row."""
        return {**self._asdict(), "parameters": list(self.parameters)}


class Variant(NamedTuple):
    """A text for a channel (None: any) and a language (None: any)."""

    channel: str | None
    language: str | None
    subject: str | None
    body: str
    media: Media | None = None
    provider_template: ProviderTemplate | None = None
    account: str | None = None  # the slug of a sending account

    @classmethod
    def from_json(cls, stored: JsonObject) -> Self:
        """Return the variant from its JSON in a version's row, or from MessageVariantIn."""
        media, approved = stored.get("media"), stored.get("provider_template")
        return cls(
            **{
                **stored,
                "media": Media(**media) if media else None,
                "provider_template": ProviderTemplate.from_json(approved) if approved else None,
            }
        )

    def to_json(self) -> JsonDict:
        """Return the JSON for a version's row."""
        approved = self.provider_template
        media = self.media._asdict() if self.media else None
        return {**self._asdict(), "media": media, "provider_template": approved.to_json() if approved else None}

    @property
    def name(self) -> str:
        """The variant's name, such as `email:fr-CA`; `any:default` for any channel and language."""
        return variant_name(self.channel, self.language)

    @property
    def wording(self) -> Wording:
        """Subject and body for rendering."""
        return Wording(self.subject or "", self.body)


class Template(NamedTuple):
    """The variants of one template version."""

    version_id: UUID
    variants: tuple[Variant, ...]


def choose_variant(variants: Iterable[Variant], channel: str, languages: Iterable[str]) -> Variant:
    """Return the variant for a channel in the first available language.

    A variant of the channel comes before one for any channel, whatever their languages, because it was written for the
    channel. One of `variants` must be for any channel and any language.
    """
    by_key = {(variant.channel, variant.language): variant for variant in variants}
    return next(by_key[key] for key in lookup_order(channel, languages) if key in by_key)


def lookup_order(channel: str, languages: Iterable[str]) -> Iterator[tuple[str | None, str | None]]:
    """Return the pairs of channel and language in the order in which a variant is looked for."""
    return product((channel, None), (*languages, None))


def is_public_url(url: object) -> bool:
    """Return whether it is an https URL without user or password, and with a name or a public address as the host.

    Names are resolved when the message is sent.
    """
    try:
        target = parse_target(str(url))
    except NotAllowed:
        return False
    is_plain = len(str(url)) <= MAX_URL_LENGTH and target.port > 0
    return target.scheme == "https" and is_plain and (target.is_allowlisted or names_public_host(target))


def variant_name(channel: str | None, language: str | None) -> str:
    """Return the name of a variant, such as `email:fr-CA`."""
    return f"{channel or 'any'}:{language or 'default'}"
