"""Language tags, and the choice of a template's variant."""

import pytest

from app.core.validation.language_tags import fallbacks, normalize
from app.messaging.rendering.variants import Variant, choose_variant


@pytest.mark.parametrize(
    ("tag", "kept"),
    [
        ("fr", "fr"),
        ("FR-ca", "fr-CA"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("sr-LATN", "sr-Latn"),
        ("es-419", "es-419"),  # Latin America
        ("gsw", "gsw"),
    ],
)
def test_tag_is_normalized(tag: str, kept: str):
    assert normalize(tag) == kept


@pytest.mark.parametrize("tag", ["", "f", "french", "fr_CA", "fr-", "fr-CA-", "fr-CAN", "ſr", "fr-CA-x-lead", "fr\n"])
def test_invalid_tag_is_refused(tag: str):
    with pytest.raises(ValueError, match="such as fr or fr-CA"):
        normalize(tag)


@pytest.mark.parametrize(
    ("tags", "order"),
    [
        (("fr-CA", "en"), ("fr-CA", "fr", "en")),
        ((None, "en-GB"), ("en-GB", "en")),
        (("zh-Hant-TW", "zh"), ("zh-Hant-TW", "zh-Hant", "zh")),  # each once
        ((None, None), ()),
    ],
)
def test_fallbacks_go_from_specific_to_general(tags: tuple[str | None, ...], order: tuple[str, ...]):
    assert fallbacks(*tags) == order


def texts(*names: str) -> list[Variant]:
    ways = (name.split(":") for name in names)
    known = {"any": None, "default": None}
    return [Variant(known.get(channel, channel), known.get(tag, tag), "x", "x") for channel, tag in ways]


@pytest.mark.parametrize(
    ("lead", "clinic", "there", "used"),
    [
        ("fr-CA", "en", ["email:fr-CA", "email:fr", "any:default"], "email:fr-CA"),
        ("fr-CA", "en", ["email:fr", "email:en", "any:default"], "email:fr"),
        ("fr-CA", "en", ["email:en", "email:default", "any:default"], "email:en"),  # the clinic's own
        ("fr-CA", "en-GB", ["email:en", "email:default", "any:default"], "email:en"),
        ("fr-CA", "en", ["email:default", "any:default"], "email:default"),
        ("fr-CA", "en", ["email:de", "in_app:fr", "any:default"], "any:default"),
        ("fr-CA", "en", ["any:fr", "any:en", "any:default"], "any:fr"),
        ("fr-CA", "en", ["email:default", "any:fr-CA", "any:default"], "email:default"),  # the channel goes first
        (None, "en", ["any:fr", "any:en", "any:default"], "any:en"),
        ("fr", "en", ["any:fr-CA", "any:default"], "any:default"),  # French does not fall back to Canadian French
    ],
)
def test_best_variant_is_chosen_for_channel_and_language(lead: str | None, clinic: str, there: list[str], used: str):
    assert choose_variant(texts(*there), "email", fallbacks(lead, clinic)).name == used
    assert choose_variant(reversed(texts(*there)), "email", fallbacks(lead, clinic)).name == used
