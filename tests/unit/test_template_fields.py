"""Fields that a template uses, and those it requires."""

import pytest

from app.messaging.rendering.render import Wording, check_template, render
from app.messaging.rendering.required_fields import fields_in, required_fields_in
from app.messaging.rendering.values import MissingVariable


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("Hello", set()),
        ("{{ lead.first_name }} of {{ custom.school }}", {"lead.first_name", "custom.school"}),
        ("{{ lead.value | default('much') }}", set()),
        ("{{ lead.value | upper }}", {"lead.value"}),
        ("{{ lead.value | upper | default('much') }}", {"lead.value"}),  # too late
        ("{{ lead.value | default('much') | upper }}", set()),
        ("{{ lead.value or 'much' }}", set()),
        ("{{ lead.value and 'much' }}", {"lead.value"}),
        ("{% if lead.value %}{{ lead.value }}{% endif %}", set()),
        ("{% if not lead.value %}nothing{% else %}{{ lead.value }}{% endif %}", set()),
        ("{% if lead.value is defined and lead.value == 'x' %}much{% endif %}", set()),
        ("{% if lead.value == '1.00' %}one{% endif %}", {"lead.value"}),
        ("{% if lead.value | upper %}x{% endif %}", {"lead.value"}),
        ("{{ 'much' if lead.value else 'nothing' }}", set()),
        ("{% if lead.stage %}{{ clinic.name }}{% endif %}{{ task.title }}", {"task.title"}),
    ],
)
def test_field_without_default_or_condition_is_required(text: str, needed: set[str]):
    assert check_template("x", text) == []
    assert required_fields_in(text) == needed
    # Rendering fails without these fields.
    if needed:
        with pytest.raises(MissingVariable) as missing:
            render(Wording("x", text), {})
        assert missing.value.field in needed
    else:
        render(Wording("x", text), {})


def test_all_fields_of_a_template_are_found():
    text = "{% if lead.value %}{{ task.title | default(custom.items) }}{% endif %}"
    assert fields_in(text) == {"lead.value", "task.title", "custom.items"}
