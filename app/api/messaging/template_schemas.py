"""Request and response schemas for message templates."""

from collections import Counter
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Choice, Id, Instant, Integer, Language, ListOf, RegisteredName, Text
from app.http.schemas.paging import PageQuery
from app.http.schemas.schema import QuerySchema, Schema
from app.messaging.channels.base import TextPart
from app.messaging.channels.registry import CHANNELS
from app.messaging.rendering.render import MAX_TEMPLATE_LENGTH
from app.messaging.rendering.variables import CUSTOM_GROUP, VARIABLES
from app.messaging.rendering.variants import MAX_URL_LENGTH, MediaType, is_public_url
from app.messaging.sending_accounts.kinds import SERVED_CHANNELS, may_use_account
from app.messaging.templates.service import TemplateRecipient
from app.messaging.templates.template_definitions import (
    LONGEST_ACCOUNT,
    LONGEST_APPROVED_NAME,
    MAX_VARIANTS,
    MOST_PARAMETERS,
)

SLUG: Final = (r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "Must be a slug such as `break-up-email`.")
_VARIABLES: Final = ", ".join(sorted(f"`{group}.{name}`" for group, names in VARIABLES.items() for name in names))
_BODY_DESCRIPTION: Final = (
    f"May use {_VARIABLES}, and the clinic's custom fields as `{CUSTOM_GROUP}.<key>`."
    " Example: `{{ lead.first_name }}`."
)


class MediaUrl(Text):
    """A public https URL."""

    def _deserialize(self, value: object, *args: object, **more: object) -> str:
        url = super()._deserialize(value, *args, **more)
        if not is_public_url(url):
            raise ValidationError("Must be an https address without user or password.")
        return url


class MessageMedia(Schema):
    """A file that is sent with a text. The provider fetches it; `document` is only for `whatsapp`."""

    type = Choice(MediaType, required=True)
    url = MediaUrl(MAX_URL_LENGTH, required=True, metadata={"examples": ["https://media.example/smile.jpg"]})


class ApprovedTemplate(Schema):
    """A text that the provider has approved. WhatsApp takes only these, unless the lead wrote in the last 24 hours."""

    name = Text(
        LONGEST_APPROVED_NAME,
        least=1,
        required=True,
        metadata={
            "description": "Its name at Meta, or the content SID at Twilio.",
            "examples": ["appointment_reminder"],
        },
    )
    language = Text(20, least=1, required=True, metadata={"description": "As at Meta.", "examples": ["en_US"]})
    parameters = ListOf(
        Text(MAX_TEMPLATE_LENGTH, least=1),
        most=MOST_PARAMETERS,
        load_default=list,
        metadata={
            "description": "The values in order; they may use variables, as `body` does.",
            "examples": [["{{ lead.first_name }}"]],
        },
    )


class MessageVariantIn(Schema):
    """A text for a channel and a language."""

    channel = RegisteredName(
        CHANNELS.names, allow_none=True, load_default=None, metadata={"description": "Null: for any channel."}
    )
    language = Language(allow_none=True, load_default=None, metadata={"description": "BCP 47; null: for any language."})
    subject = Text(
        MAX_TEMPLATE_LENGTH,
        least=1,
        allow_none=True,
        load_default=None,
        metadata={"description": "Required, except for `http`.", "examples": ["Hello {{ lead.first_name }}"]},
    )
    body = Text(MAX_TEMPLATE_LENGTH, least=1, lines=True, required=True, metadata={"description": _BODY_DESCRIPTION})
    media = fields.Nested(
        MessageMedia,
        allow_none=True,
        load_default=None,
        metadata={"description": "Only for `http`, `sms` and `whatsapp`."},
    )
    account = Text(
        LONGEST_ACCOUNT,
        form=SLUG,
        allow_none=True,
        load_default=None,
        metadata={
            "description": "The sending account to use, unless the rule names one. Null: the channel's default.",
            "examples": ["newsletter"],
        },
    )
    provider_template = fields.Nested(
        ApprovedTemplate,
        allow_none=True,
        load_default=None,
        metadata={
            "description": "Only for `whatsapp`: sent instead of the body if the lead wrote nothing in 24 hours."
        },
    )

    @validates_schema
    def _fits_its_channel(self, data: JsonDict, **_: object) -> None:
        mistakes: dict[str, list[str]] = {}
        if data["subject"] is None and CHANNELS.has_part(data["channel"], TextPart.SUBJECT):
            mistakes["subject"] = ["Required for e-mails and in-app messages."]
        if data["media"] and data["channel"] not in (with_media := CHANNELS.names_with(TextPart.MEDIA)):
            mistakes["media"] = [f"Only allowed in a text for {' or '.join(with_media)}."]
        elif data["media"] and data["media"]["type"] not in CHANNELS.media_types(data["channel"]):
            mistakes["media"] = [f"{data['channel']} sends no {data['media']['type']}."]
        if data["account"] and not may_use_account(data["channel"]):
            mistakes["account"] = [f"Only allowed in a text for {' or '.join(sorted(SERVED_CHANNELS))}."]
        if data["provider_template"] and data["channel"] not in (with_session := CHANNELS.names_with_session()):
            mistakes["provider_template"] = [f"Only allowed in a text for {' or '.join(with_session)}."]
        if mistakes:
            raise ValidationError(mistakes)


def _require_unique_keys(variants: list[JsonDict]) -> None:
    """Require one text per channel and language, and a default text for all others."""
    keys = Counter((one["channel"], one["language"]) for one in variants)
    if any(times > 1 for times in keys.values()):
        raise ValidationError("Each pair of channel and language may have only one text.")
    if (None, None) not in keys:
        raise ValidationError("One text must be for any channel and any language.")


class Variants(ListOf):
    """The texts of a template, one per channel and language."""

    def __init__(self, **options: Any) -> None:
        description = "One per pair of channel and language, and one of them for any channel and any language."
        super().__init__(
            fields.Nested(MessageVariantIn), most=MAX_VARIANTS, metadata={"description": description}, **options
        )
        self.validators.append(_require_unique_keys)


class TemplateChange(Schema):
    """Changes to a template. Fields that are left out stay unchanged."""

    name = Text(100, least=1)
    description = Text(1000, lines=True, allow_none=True)
    variants = Variants()


class MessageTemplateIn(TemplateChange):
    """A new message template."""

    slug = Text(
        100,
        required=True,
        form=SLUG,
        metadata={"description": "Used by rules; it cannot be changed.", "examples": ["break-up-email"]},
    )
    name = Text(100, least=1, required=True)
    variants = Variants(required=True)


class TemplateRollbackIn(Schema):
    """The version to use again."""

    version_id = Id(required=True, metadata={"description": "A version of this template."})


class MessageVariantOut(Schema):
    """A text for a channel and a language."""

    name = fields.String(required=True, metadata={"examples": ["any:default", "email:fr-CA"]})
    channel = fields.String(required=True, allow_none=True)
    language = fields.String(required=True, allow_none=True)
    subject = fields.String(required=True, allow_none=True)
    body = fields.String(required=True)
    media = fields.Nested(MessageMedia, required=True, allow_none=True)
    account = fields.String(required=True, allow_none=True, metadata={"description": "A sending account."})
    provider_template = fields.Nested(ApprovedTemplate, required=True, allow_none=True)


class MessageTemplateQuery(PageQuery):
    """Filters of the list of templates."""

    recipient = Choice(
        TemplateRecipient,
        metadata={
            "description": "`user`: templates with `user.…` in their texts, for messages to users; `lead`: others."
        },
    )


class MessageTemplateOut(Schema):
    """A message template without its texts."""

    id = Id(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    number = Integer(required=True, metadata={"description": "Number of the current version of the texts."})
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True, metadata={"description": "Null: installed with a playbook."})
    updated_at = Instant(required=True)
    version = Integer(required=True, metadata={"description": "Incremented by every change, also of the name."})


class MessageTemplateDetailOut(MessageTemplateOut):
    """A message template with its current texts."""

    version_id = Id(required=True)
    variants = fields.List(fields.Nested(MessageVariantOut), required=True)
    rules = fields.List(
        fields.String(), required=True, metadata={"description": "Slugs of the active rules that use it."}
    )


class TemplateVersionOut(Schema):
    """A version of a template's texts."""

    id = Id(required=True)
    number = Integer(required=True)
    repeats = Integer(
        required=True,
        allow_none=True,
        metadata={"description": "After a rollback: the number of the version that it repeats."},
    )
    created_at = Instant(required=True)
    created_by = Id(required=True, allow_none=True)


class TemplateVersionDetailOut(TemplateVersionOut):
    """A version of a template with its texts."""

    variants = fields.List(fields.Nested(MessageVariantOut), required=True)


class DiffQuery(QuerySchema):
    """The version to compare with."""

    since = Id(
        data_key="from", metadata={"description": "A version of the same template; by default the previous one."}
    )


class DifferenceOut(Schema):
    """One difference, with the value before and after."""

    change = fields.String(required=True, metadata={"enum": ["added", "removed", "changed"]})
    pointer = fields.String(required=True, metadata={"examples": ["/email:fr-CA/subject"]})
    before = fields.Raw(required=True, allow_none=True)
    after = fields.Raw(required=True, allow_none=True)


class TextDifferencesOut(Schema):
    """Differences, as JSON pointers into the texts by name."""

    differences = fields.List(fields.Nested(DifferenceOut), required=True)
