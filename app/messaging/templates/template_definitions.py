"""Template definitions in playbooks: a default text and variants for a channel or a language. Pure."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation.language_tags import normalize
from app.core.validation.validation_errors import Mistake, one_of
from app.messaging.channels.base import TextPart
from app.messaging.channels.registry import CHANNELS
from app.messaging.rendering.render import check_template
from app.messaging.rendering.variants import Media, ProviderTemplate, Variant, is_public_url
from app.messaging.sending_accounts.kinds import SERVED_CHANNELS, may_use_account

TemplateDefinition = JsonObject

MAX_VARIANTS: Final = 40  # texts of a template
LONGEST_ACCOUNT: Final = 100
_SLUG: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_KEYS: Final = frozenset({"name", "description", "subject", "body", "variants"})
_VARIANT_KEYS: Final = frozenset(Variant._fields)
_MEDIA_KEYS: Final = frozenset(Media._fields)
_APPROVED_KEYS: Final = frozenset(ProviderTemplate._fields)
LONGEST_APPROVED_NAME: Final = 512
MOST_PARAMETERS: Final = 30  # of an approved template


def check_definition(text: TemplateDefinition) -> list[Mistake]:
    """Return every mistake of a template definition, with a place such as `variants[0].subject`."""
    mistakes = [*_unknown_keys(text, _KEYS), *_check_description(text)]
    mistakes += check_template(text.get("subject", ""), text.get("body", ""))
    others = text.get("variants", [])
    if not isinstance(others, list) or len(others) >= MAX_VARIANTS:
        return [*mistakes, Mistake("variants", f"must be a list of fewer than {MAX_VARIANTS} texts")]
    found = [mistake for i, one in enumerate(others) for mistake in _check_variant(one, f"variants[{i}]")]
    return [*mistakes, *found] if found else [*mistakes, *_check_duplicates(others)]


def variants_of_definition(text: TemplateDefinition) -> tuple[Variant, ...]:
    """Return the variants of a valid definition, the default text first."""
    return (Variant(None, None, text["subject"], text["body"]), *map(_variant, text.get("variants", ())))


def to_definition(name: str, description: str | None, variants: Sequence[Variant]) -> JsonDict:
    """Return a template in the format of playbooks."""
    [default] = [variant for variant in variants if variant.channel is variant.language is None]
    others = [_to_mapping(variant) for variant in variants if variant is not default]
    optional = {"name": name, "description": description, "variants": others}
    given = {key: value for key, value in optional.items() if value}
    return {"subject": default.subject, "body": default.body, **given}


def _variant(given: JsonObject) -> Variant:
    language, media, approved = given.get("language"), given.get("media"), given.get("provider_template")
    return Variant(
        given.get("channel"),
        normalize(language) if language else None,
        given.get("subject"),
        given["body"],
        Media(**media) if media else None,
        ProviderTemplate.from_json(approved) if approved else None,
        given.get("account"),
    )


def _to_mapping(variant: Variant) -> JsonDict:
    return {name: value for name, value in variant.to_json().items() if value is not None}


def _check_description(text: TemplateDefinition) -> list[Mistake]:
    return [
        Mistake(key, "must be text")
        for key in ("name", "description")
        if key in text and not (isinstance(text[key], str) and text[key].strip())
    ]


def _check_variant(given: object, place: str) -> list[Mistake]:
    if not isinstance(given, Mapping):
        return [Mistake(place, "must be a mapping with subject and body, and a channel, a language or both")]
    mistakes = [*_unknown_keys(given, _VARIANT_KEYS), *_check_channel_and_language(given), *_check_media(given)]
    mistakes += _check_provider_template(given) + _check_account(given)
    has_subject = "subject" in given or CHANNELS.has_part(given.get("channel"), TextPart.SUBJECT)
    mistakes += check_template(given.get("subject", "") if has_subject else None, given.get("body", ""))
    return [Mistake(f"{place}.{mistake.place}", mistake.problem) for mistake in mistakes]


def _check_channel_and_language(given: JsonObject) -> list[Mistake]:
    """Return the mistakes of the variant's channel and language."""
    mistakes = one_of(given["channel"], CHANNELS.names(), "channel") if "channel" in given else []
    if "language" in given:
        try:
            normalize(str(given["language"]))
        except ValueError as mistake:
            mistakes.append(Mistake("language", str(mistake)))
    return mistakes


def _check_media(given: JsonObject) -> list[Mistake]:
    if "media" not in given:
        return []
    media = given["media"]
    if given.get("channel") not in (with_media := CHANNELS.names_with(TextPart.MEDIA)):
        return [Mistake("media", f"is only allowed in a text for {' or '.join(with_media)}")]
    if not isinstance(media, Mapping) or media.keys() != _MEDIA_KEYS:
        return [Mistake("media", "must be a mapping with type and url")]
    wrong = [] if is_public_url(media["url"]) else [Mistake("media.url", "must be an https address")]
    return one_of(media["type"], sorted(CHANNELS.media_types(given["channel"])), "media.type") + wrong


def _check_account(given: JsonObject) -> list[Mistake]:
    if "account" not in given:
        return []
    if not may_use_account(given.get("channel")):
        return [Mistake("account", f"is only allowed in a text for {' or '.join(sorted(SERVED_CHANNELS))}")]
    name = given["account"]
    is_slug = isinstance(name, str) and len(name) <= LONGEST_ACCOUNT and _SLUG.fullmatch(name)
    return [] if is_slug else [Mistake("account", "must be the slug of a sending account")]


def _check_provider_template(given: JsonObject) -> list[Mistake]:
    if "provider_template" not in given:
        return []
    approved, channels = given["provider_template"], CHANNELS.names_with_session()
    if given.get("channel") not in channels:
        return [Mistake("provider_template", f"is only allowed in a text for {' or '.join(channels)}")]
    if not isinstance(approved, Mapping) or not {"name", "language"} <= approved.keys() <= _APPROVED_KEYS:
        return [Mistake("provider_template", "must be a mapping with name, language and parameters")]
    names = [
        Mistake(f"provider_template.{key}", "must be text")
        for key in ("name", "language")
        if not (isinstance(approved[key], str) and 0 < len(approved[key]) <= LONGEST_APPROVED_NAME)
    ]
    values = approved.get("parameters", [])
    if not isinstance(values, list) or len(values) > MOST_PARAMETERS:
        return [*names, Mistake("provider_template.parameters", f"must be a list of at most {MOST_PARAMETERS} texts")]
    return names + [
        Mistake(f"provider_template.parameters[{number}]", mistake.problem)
        for number, text in enumerate(values)
        for mistake in check_template(None, text)
    ]


def _check_duplicates(others: Sequence[JsonObject]) -> list[Mistake]:
    names = Counter(_variant(one).name for one in others) + Counter([Variant(None, None, None, "").name])
    return [Mistake("variants", f"{name!r} occurs {times} times") for name, times in names.items() if times > 1]


def _unknown_keys(given: JsonObject, known: frozenset[str]) -> list[Mistake]:
    return [Mistake(key, f"is unknown; allowed are {', '.join(sorted(known))}") for key in sorted(given.keys() - known)]
