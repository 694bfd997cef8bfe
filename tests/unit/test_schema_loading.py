"""Request schemas load as marshmallow does: the same values, and the same errors at the same fields."""

from typing import Any
from unittest.mock import patch

import marshmallow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import EXCLUDE, INCLUDE, fields

from app.api.assignment.rule_schemas import RuleIn
from app.api.capture.search_schemas import SearchIn
from app.api.leads.capture_schemas import CaptureIn, QuickIn
from app.api.tasks.bulk_schemas import BulkIn
from app.api.tasks.schemas import TaskIn
from app.http.schemas.fields import Integer, Text
from app.http.schemas.schema import Schema


class Inner(Schema):
    """An object in an object."""

    size = Integer(required=True, data_key="Size")
    name = Text(5, load_default="none")


class Outer(Schema):
    """Defaults, renamed fields and nested objects."""

    inner = fields.Nested(Inner)
    inners = fields.List(fields.Nested(Inner))
    kept = fields.Nested(Inner, unknown=EXCLUDE)
    all_of = fields.Nested(Inner, unknown=INCLUDE)
    path = Text(5, attribute="a.b", allow_none=True)


SCHEMAS = (CaptureIn, QuickIn, SearchIn, BulkIn, TaskIn, RuleIn, Outer)
WORDS = ("Ada", "a@example.org", "+14155550100", "PHONE", "CALL", "en", "2026-01-31", "2026-01-31T09:00:00Z", "1.50")
SIMPLE = st.sampled_from([None, True, 0, 7, -1, 1.5, "", "\0", *WORDS, "01900000-0000-7000-8000-00000000000a"])
KEYS = st.sampled_from(["Size", "name", "size", "lead_id", "other"])
VALUES = st.recursive(
    SIMPLE, lambda one: st.lists(one, max_size=2) | st.dictionaries(KEYS, one, max_size=3), max_leaves=5
)


@st.composite
def bodies(draw: st.DrawFn, schema: type[Schema]) -> Any:
    keys = [field.data_key or name for name, field in schema().load_fields.items()]
    return draw(SIMPLE | st.dictionaries(st.sampled_from([*keys, "unknown", "other"]), VALUES, max_size=8))


def outcome(schema: type[Schema], body: Any) -> Any:
    try:
        return schema().load(body)
    except marshmallow.ValidationError as error:
        return error.messages, error.valid_data


@pytest.mark.parametrize("schema", SCHEMAS)
@settings(max_examples=60)
@given(data=st.data())
def test_any_body_loads_as_marshmallow_loads_it(schema: type[Schema], data: st.DataObject):
    body = data.draw(bodies(schema))
    ours = outcome(schema, body)
    with patch.object(Schema, "_deserialize", marshmallow.Schema._deserialize):
        assert ours == outcome(schema, body)
