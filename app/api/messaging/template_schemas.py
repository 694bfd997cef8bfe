"""Templates of messages, in and out."""

from collections import Counter
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.http.schemas.fields import Choice, Id, Instant, Integer, Language, ListOf, RegisteredName, Text
from app.http.schemas.schema import QuerySchema, Schema
from app.messaging.channels.base import TextPart
from app.messaging.channels.registry import CHANNELS
from app.messaging.rendering.render import LONGEST_TEMPLATE
from app.messaging.rendering.variables import OWN, VARIABLES
from app.messaging.rendering.variants import LONGEST_URL, MediaType, is_public_address
from app.messaging.templates.template_definitions import MOST_VARIANTS

SLUG: Final = (r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "Must be a slug such as `break-up-email`.")
_VARIABLES: Final = ", ".join(sorted(f"`{group}.{name}`" for group, names in VARIABLES.items() for name in names))
_SAYS: Final = f"May say {_VARIABLES}, and a clinic's own fields as `{OWN}.<key>`: `{{{{ lead.first_name }}}}`."


class MediaUrl(Text):
    """An address on the web, of something that anybody may look at."""

    def _deserialize(self, value: Any, *args: Any, **more: Any) -> str:
        url = super()._deserialize(value, *args, **more)
        if not is_public_address(url):
            raise ValidationError("Must be an https address without user or password.")
        return url


class MessageMedia(Schema):
    """What goes along with a text."""

    type = Choice(MediaType, required=True)
    url = MediaUrl(LONGEST_URL, required=True, metadata={"examples": ["https://media.example/smile.jpg"]})


class MessageVariantIn(Schema):
    """A text for a channel and a language."""

    channel = RegisteredName(
        CHANNELS.names, allow_none=True, load_default=None, metadata={"description": "Null: for any channel."}
    )
    language = Language(allow_none=True, load_default=None, metadata={"description": "BCP 47; null: for any language."})
    subject = Text(
        LONGEST_TEMPLATE,
        least=1,
        allow_none=True,
        load_default=None,
        metadata={"description": "Needed, but for `http`.", "examples": ["Hello {{ lead.first_name }}"]},
    )
    body = Text(LONGEST_TEMPLATE, least=1, lines=True, required=True, metadata={"description": _SAYS})
    media = fields.Nested(
        MessageMedia, allow_none=True, load_default=None, metadata={"description": "For `http` alone."}
    )

    @validates_schema(skip_on_field_errors=True)
    def _fits_its_channel(self, data: dict[str, Any], **_: Any) -> None:
        if data["subject"] is None and CHANNELS.has_part(data["channel"], TextPart.SUBJECT):
            raise ValidationError({"subject": ["Needed: an e-mail and a message in the app have one."]})
        if data["media"] and data["channel"] not in (with_media := CHANNELS.names_with(TextPart.MEDIA)):
            raise ValidationError({"media": [f"Only a text for {' or '.join(with_media)} has media."]})


def _require_one_of_each(variants: list[dict[str, Any]]) -> None:
    """One text for each channel and language, and one that there is for all others."""
    ways = Counter((one["channel"], one["language"]) for one in variants)
    if any(times > 1 for times in ways.values()):
        raise ValidationError("Each pair of channel and language may have one text.")
    if (None, None) not in ways:
        raise ValidationError("One text must be for any channel and any language.")


class Variants(ListOf):
    """The texts of a template."""

    def __init__(self, **options: Any) -> None:
        words = "One for each pair of channel and language; one of them for any channel and any language."
        super().__init__(
            fields.Nested(MessageVariantIn), most=MOST_VARIANTS, metadata={"description": words}, **options
        )
        self.validators.append(_require_one_of_each)


class TemplateChange(Schema):
    """What is to be different. What is not given stays."""

    name = Text(100, least=1)
    description = Text(1000, lines=True, allow_none=True)
    variants = Variants()


class MessageTemplateIn(TemplateChange):
    """A template."""

    slug = Text(
        100,
        required=True,
        form=SLUG,
        metadata={"description": "What rules call it. It stays.", "examples": ["break-up-email"]},
    )
    name = Text(100, least=1, required=True)
    variants = Variants(required=True)


class TemplateRollbackIn(Schema):
    """Which texts are to be used again."""

    version_id = Id(required=True, metadata={"description": "A version of this template."})


class MessageVariantOut(Schema):
    """A text for a channel and a language."""

    name = fields.String(required=True, metadata={"examples": ["any:default", "email:fr-CA"]})
    channel = fields.String(required=True, allow_none=True)
    language = fields.String(required=True, allow_none=True)
    subject = fields.String(required=True, allow_none=True)
    body = fields.String(required=True)
    media = fields.Nested(MessageMedia, required=True, allow_none=True)


class MessageTemplateOut(Schema):
    """A template, without its texts."""

    id = Id(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    number = Integer(required=True, metadata={"description": "Of the version whose texts are used."})
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True, metadata={"description": "Null: it came with a playbook."})
    updated_at = Instant(required=True)
    version = Integer(required=True, metadata={"description": "Counts every change, that of a name, too."})


class MessageTemplateDetailOut(MessageTemplateOut):
    """A template with its present texts."""

    version_id = Id(required=True)
    variants = fields.List(fields.Nested(MessageVariantOut), required=True)
    rules = fields.List(
        fields.String(), required=True, metadata={"description": "Slugs of the active rules that speak of it."}
    )


class TemplateVersionOut(Schema):
    """A version of a template's texts."""

    id = Id(required=True)
    number = Integer(required=True)
    repeats = Integer(required=True, allow_none=True, metadata={"description": "The version whose texts it has again."})
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)


class TemplateVersionDetailOut(TemplateVersionOut):
    """A version with its texts."""

    variants = fields.List(fields.Nested(MessageVariantOut), required=True)


class DiffQuery(QuerySchema):
    """Against what."""

    since = Id(
        data_key="from", metadata={"description": "A version of the same template; by default the one before it."}
    )


class DifferenceOut(Schema):
    """One place, and what was and is there."""

    change = fields.String(required=True, metadata={"enum": ["added", "removed", "changed"]})
    pointer = fields.String(required=True, metadata={"examples": ["/email:fr-CA/subject"]})
    before = fields.Raw(required=True, allow_none=True)
    after = fields.Raw(required=True, allow_none=True)


class TextDifferencesOut(Schema):
    """What is different, by JSON pointers into the texts by their names."""

    differences = fields.List(fields.Nested(DifferenceOut), required=True)
