"""Strict schema fields."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import fields
from werkzeug.datastructures import MultiDict

from app.errors import Invalid
from app.http.schemas.fields import Boolean, Choice, Day, Email, Id, Instant, Integer, ListOf, Money, Secret, Text
from app.http.schemas.schema import QuerySchema, Schema
from app.http.schemas.writer import encode_json


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


ID = "01900000-0000-7000-8000-00000000000a"


def read(field: fields.Field[Any], value: Any) -> Any:
    schema = Schema.from_dict({"x": field})()
    assert isinstance(schema, Schema)
    return schema.read({"x": value})["x"]


def refused(field: fields.Field[Any], value: Any) -> bool:
    with pytest.raises(Invalid) as mistake:
        read(field, value)
    return all(error.pointer.startswith("/x") for error in mistake.value.errors)


def dumped(field: fields.Field[Any], value: Any) -> Any:
    return json.loads(encode_json(Schema.from_dict({"x": field})().dump({"x": value})))["x"]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31T09:00:00Z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31t09:00:00z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31T09:00:00+05:30", datetime(2026, 1, 31, 3, 30, tzinfo=UTC)),
        ("2026-01-31T09:00:00.123456-08:00", datetime(2026, 1, 31, 17, 0, 0, 123456, tzinfo=UTC)),
        ("2028-02-29T23:59:59Z", datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_datetime_is_converted_to_utc(text: str, instant: datetime):
    found = read(Instant(), text)
    assert (found, found.tzinfo) == (instant, UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T09:00:00",  # no offset
        "2026-01-31",
        "2026-01-31 09:00",
        "2026-02-29T09:00:00Z",  # no leap year
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:59:60Z",
        "2026-W05-6T09:00:00Z",
        "20260131T090000Z",
        "0001-01-01T00:00:00+14:00",  # before year 1 in UTC
        "٢٠٢٦-01-31T09:00:00Z",
        "now",
        "",
        1767225600,
        None,
        True,
    ],
)
def test_invalid_datetime_is_refused(text: Any):
    assert refused(Instant(), text)


def test_datetime_is_serialized_in_utc_with_z():
    assert dumped(Instant(), datetime(2026, 1, 31, 9, tzinfo=UTC)) == "2026-01-31T09:00:00Z"
    assert dumped(Instant(), datetime.fromisoformat("2026-01-31T09:00:00.5+02:00")) == "2026-01-31T07:00:00.500000Z"
    assert dumped(Instant(), datetime(2026, 1, 31, 9, tzinfo=ZoneInfo("Asia/Kolkata"))) == "2026-01-31T03:30:00Z"
    assert dumped(Instant(), None) is None


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1900, 1, 3), max_value=datetime(2199, 12, 29)))  # noqa: DTZ001
def test_serialized_value_can_be_loaded(instant: datetime):
    assert read(Instant(), dumped(Instant(), instant)) == instant.astimezone(UTC)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (Text(5), "  ab  ", "ab"),
        (Text(5), "", ""),
        (Text(50, lines=True), "one\r\ntwo\n\tthree", "one\r\ntwo\n\tthree"),
        (Text(5), "Zoë", "Zoë"),
        (Email(), " ana@example.org ", "ana@example.org"),
        (Email(), "Ana.Ruiz+x@Mail.Example.ORG", "Ana.Ruiz+x@mail.example.org"),
        (Email(), "ana@clinic.test", "ana@clinic.test"),
        (Email(), "josé@exämple.org", "josé@exämple.org"),
        (Choice(Color), "red", Color.RED),
        (Id(), ID, UUID(ID)),
        (Integer(), 0, 0),
        (Integer(least=-5), -5, -5),
        (Boolean(), False, False),
        (Day(), "2028-02-29", date(2028, 2, 29)),
        (Money(), "1250.5", Decimal("1250.5")),
        (Secret(10), "  spaces  ", "  spaces  "),
        (ListOf(Integer(), most=2), [1, 2], [1, 2]),
    ],
)
def test_valid_value_is_loaded(field: fields.Field[Any], value: Any, expected: Any):
    found = read(field, value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Text(5), "abcdef"),
        (Text(5, least=1), "   "),
        (Text(5), "a\0b"),
        (Text(50), "a\r\nBcc: everybody"),
        (Text(50), "a\u2028b"),
        (Text(50, lines=True), "a\x1b[31m"),
        (Text(5), 5),
        (Text(5), b"abc"),
        (Email(), "ana"),
        (Email(), "ana@localhost"),
        (Email(), "ana@example.org\r\nBcc: b@example.org"),
        (Email(), "Ana <ana@example.org>"),
        (Email(), "a..b@example.org"),
        (Email(), ".a@example.org"),
        (Email(), "a@-example.org"),
        (Email(), "a@" + "b" * 64 + ".org"),
        (Email(), "a" * 65 + "@example.org"),
        (Email(), "ana@example.invalid"),
        (Choice(Color), "RED"),
        (Choice(Color), "green"),
        (Choice(Color), ["red"]),
        (Choice(Color), {}),
        (Id(), ID.replace("-", "")),
        (Id(), "{" + ID + "}"),
        (Id(), "urn:uuid:" + ID),
        (Id(), ID[:-1] + "g"),
        (Id(), 5),
        (Integer(), -1),
        (Integer(), 2**31),
        (Integer(), "5"),
        (Integer(), 5.0),
        (Integer(), True),
        (Boolean(), "true"),
        (Boolean(), 0),
        (Boolean(), "yes"),
        (Day(), "2026-02-29"),
        (Day(), "2026-2-9"),
        (Day(), "20260209"),
        (Day(), "2026-W05-6"),
        (Money(), 5),
        (Money(), "5.001"),
        (Money(), "-5"),
        (Money(), "NaN"),
        (Money(), "1" * 11),
        (Secret(10), ""),
        (Secret(10), "x" * 11),
        (ListOf(Integer(), most=2), [1, 2, 3]),
        (ListOf(Integer(), most=2), [1, "2"]),
        (ListOf(Integer(), most=2), {"0": 1}),
        (ListOf(Integer(), most=2, least=1), []),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_invalid_value_is_refused_with_its_path(field: fields.Field[Any], value: Any):
    assert refused(field, value)


def test_error_in_a_list_names_the_index():
    with pytest.raises(Invalid) as mistake:
        read(ListOf(Integer(), most=5), [1, "2", 3, None])
    assert [error.pointer for error in mistake.value.errors] == ["/x/1", "/x/3"]


class Query(QuerySchema):
    number = Integer()
    flag = Boolean()
    colour = ListOf(Choice(Color), most=2)
    since = Instant()


def test_query_parameter_is_converted_from_text():
    query = MultiDict([("number", "5"), ("flag", "true"), ("colour", "red"), ("colour", "blue")])
    assert Query().read(query) == {"number": 5, "flag": True, "colour": [Color.RED, Color.BLUE]}
    assert Query().read(MultiDict({"since": "2026-01-31T09:00:00Z"}))["since"].year == 2026
    assert Query().read(MultiDict()) == {}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ([("number", "5"), ("number", "6")], "/number"),
        ([("number", "0x5")], "/number"),
        ([("number", "٥")], "/number"),
        ([("number", " 5")], "/number"),
        ([("flag", "1")], "/flag"),
        ([("flag", "True")], "/flag"),
        ([("colour", "green")], "/colour/0"),
        ([("colour", "red")] * 3, "/colour"),
        ([("since", "2026-01-31T09:00:00 02:00")], "/since"),  # an unencoded plus sign
        ([("colour[]", "red")], "/colour[]"),
    ],
)
def test_query_parameters_are_strict(query: list[tuple[str, str]], pointer: str):
    with pytest.raises(Invalid) as mistake:
        Query().read(MultiDict(query))
    assert [error.pointer for error in mistake.value.errors] == [pointer]


class Nested(Schema):
    label = fields.String(required=True)
    at = Instant(required=True, allow_none=True)


class Whole(Schema):
    number = Integer(required=True, data_key="no")
    day = Day(required=True, allow_none=True)
    parts = fields.List(fields.Nested(Nested), required=True)
    colors = fields.List(Choice(Color), required=True)
    note = fields.String()


def test_mapping_and_object_are_serialized_alike():
    parts = [{"label": "a", "at": datetime(2026, 1, 31, 9, tzinfo=UTC)}, {"label": "b", "at": None}]
    values = {"number": 1, "day": date(2026, 1, 31), "parts": parts, "colors": (Color.RED,), "note": None}
    shown = {
        "no": 1,
        "day": "2026-01-31",
        "parts": [{"label": "a", "at": "2026-01-31T09:00:00Z"}, {"label": "b", "at": None}],
        "colors": ["red"],
        "note": None,
    }

    assert json.loads(encode_json(Whole().dump(values))) == shown
    assert json.loads(encode_json(Whole().dump(SimpleNamespace(**values)))) == shown


def test_missing_attributes_are_left_out():
    assert Whole().dump({"number": 1, "colors": []}) == {"no": 1, "colors": []}
    assert Whole().dump(SimpleNamespace(number=1, note="n")) == {"no": 1, "note": "n"}
