"""Template definitions in playbooks: validation and round trip."""

from typing import Any

import pytest

from app.messaging.rendering.variants import Media, ProviderTemplate, Variant
from app.messaging.templates.library import check_templates
from app.messaging.templates.template_definitions import (
    MAX_VARIANTS,
    check_definition,
    to_definition,
    variants_of_definition,
)

PLAIN = {"subject": "Hello", "body": "Hello {{ lead.first_name }}"}
FRENCH = {"language": "FR-ca", "subject": "Bonjour", "body": "Bonjour {{ lead.first_name }}"}
PICTURE = {"type": "image", "url": "https://media.example/smile.jpg"}
HTTP = {"channel": "http", "body": "Hi {{ lead.first_name }}", "media": PICTURE}


WHATSAPP = {"channel": "whatsapp", "body": "Hi"}
APPROVED = {"name": "hello_again", "language": "en_US", "parameters": ["{{ lead.first_name }}"]}


def test_approved_template_of_a_provider_is_kept():
    text = {**PLAIN, "name": "Hello", "variants": [{**WHATSAPP, "provider_template": APPROVED}]}
    assert check_templates({"hello": text}) == []
    variants = variants_of_definition(text)
    assert variants[1].provider_template == ProviderTemplate("hello_again", "en_US", ("{{ lead.first_name }}",))
    assert [Variant.from_json(one.to_json()) for one in variants] == [*variants]
    assert to_definition("Hello", None, variants) == text


def test_template_has_a_default_variant_and_variants_by_channel_and_language():
    text = {**PLAIN, "name": "Hello", "variants": [FRENCH, HTTP]}
    assert check_definition(text) == []
    assert variants_of_definition(text) == (
        Variant(None, None, "Hello", "Hello {{ lead.first_name }}"),
        Variant(None, "fr-CA", "Bonjour", "Bonjour {{ lead.first_name }}"),
        Variant("http", None, None, "Hi {{ lead.first_name }}", Media("image", "https://media.example/smile.jpg")),
    )


@pytest.mark.parametrize("text", [PLAIN, {**PLAIN, "variants": [{**FRENCH, "language": "fr-CA"}, HTTP]}])
def test_definition_survives_the_round_trip(text: dict[str, Any]):
    written = to_definition("Hello", None, variants_of_definition(text))
    assert written == {"name": "Hello", **text}
    assert to_definition("Hello", "For new ones", variants_of_definition(written)) == {
        **written,
        "description": "For new ones",
    }


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"name": 7}, "name"),
        ({"description": " "}, "description"),
        ({"variants": "x"}, "variants"),
        ({"variants": [FRENCH] * MAX_VARIANTS}, "variants"),
        ({"variants": ["x"]}, "variants[0]"),
        ({"variants": [HTTP, FRENCH, {**FRENCH, "language": "fr-CA"}]}, "variants"),
        ({"variants": [PLAIN]}, "variants"),  # a second default variant
        ({"variants": [{**FRENCH, "language": "french"}]}, "variants[0].language"),
        ({"variants": [HTTP, {**PLAIN, "channel": "fax"}]}, "variants[1].channel"),
        ({"variants": [{"language": "fr", "body": "x"}]}, "variants[0].subject"),
        ({"variants": [{"channel": "http"}]}, "variants[0].body"),
        ({"variants": [{**HTTP, "body": "{{ lead.phone }}"}]}, "variants[0].body"),
        ({"variants": [{**FRENCH, "html": "<b>"}]}, "variants[0].html"),
        ({"variants": [{**FRENCH, "media": PICTURE}]}, "variants[0].media"),
        ({"variants": [{**HTTP, "provider_template": APPROVED}]}, "variants[0].provider_template"),
        ({"variants": [{**WHATSAPP, "provider_template": "x"}]}, "variants[0].provider_template"),
        ({"variants": [{**WHATSAPP, "provider_template": {"name": "x"}}]}, "variants[0].provider_template"),
        (
            {"variants": [{**WHATSAPP, "provider_template": {**APPROVED, "name": 7}}]},
            "variants[0].provider_template.name",
        ),
        (
            {"variants": [{**WHATSAPP, "provider_template": {**APPROVED, "parameters": ["{{ lead.phone }}"]}}]},
            "variants[0].provider_template.parameters[0]",
        ),
        ({"variants": [{**HTTP, "media": "https://media.example/smile.jpg"}]}, "variants[0].media"),
        ({"variants": [{**HTTP, "media": {**PICTURE, "type": "pdf"}}]}, "variants[0].media.type"),
        ({"variants": [{**HTTP, "media": {**PICTURE, "url": "http://media.example/"}}]}, "variants[0].media.url"),
        ({"variants": [{**HTTP, "media": {**PICTURE, "url": 7}}]}, "variants[0].media.url"),
        ({"variants": [{**HTTP, "media": {**PICTURE, "url": "https://10.0.0.1/a.jpg"}}]}, "variants[0].media.url"),
    ],
)
def test_every_error_names_its_path(more: dict[str, Any], place: str):
    assert [mistake.place for mistake in check_templates({"hello": {**PLAIN, **more}})] == [f"templates.hello.{place}"]
