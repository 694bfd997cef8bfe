"""Schema fields of leads, from the declarations in `app.leads.fields`."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from marshmallow import ValidationError, fields, validate

from app.clock import now, zones
from app.core.type_aliases import JsonDict
from app.http.schemas.fields import Choice, Day, Email, Id, Integer, Language, ListOf, Money, Text
from app.http.schemas.map_of import MapOf
from app.http.schemas.private_fields import WITHHELD, PrivateDay, PrivateText
from app.leads.fields import COLUMNS, LONGEST_TAG, MOST_TAGS, Form, Kind, LeadField

MOST_CUSTOM: Final = 100  # custom values of one lead


class Tags(ListOf):
    """List of tags, in lower case, without repetitions."""

    def __init__(self, **options: Any) -> None:
        super().__init__(Text(LONGEST_TAG, least=1), most=MOST_TAGS, **options)

    def _deserialize(self, value: object, *args: object, **more: object) -> list[Any]:
        return list(dict.fromkeys(tag.lower() for tag in super()._deserialize(value, *args, **more)))


class CustomValues(MapOf):
    """Values of custom fields by key. Each is validated by its definition."""

    def __init__(self, *, metadata: JsonDict) -> None:
        super().__init__(
            keys=fields.String(),
            validate=validate.Length(max=MOST_CUSTOM),
            metadata={
                **metadata,
                "description": "Values by key (see `/api/custom-fields`). Given values are replaced; null removes one.",
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            },
        )


class Zone(Text):
    """A time zone by its IANA name, such as `Europe/Madrid`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(64, **options)

    def _deserialize(self, value: object, *args: object, **more: object) -> str:
        name = super()._deserialize(value, *args, **more)
        if name not in zones():
            raise ValidationError("Not an IANA time zone name.")
        return name


def _require_past_day(day: date) -> None:
    if day > now().date():
        raise ValidationError("Must not be in the future.")


_READ: Final[Mapping[Form, Callable[..., fields.Field[Any]]]] = {
    Form.TEXT: lambda kind, **more: Text(kind.most, least=kind.least, **more),
    Form.LINES: lambda kind, **more: Text(kind.most, lines=True, **more),
    Form.EMAIL: lambda _, **more: Email(**more),
    Form.PAST_DAY: lambda _, **more: Day(validate=_require_past_day, **more),
    Form.CHOICE: lambda kind, **more: Choice(kind.options, **more),
    Form.CHOICES: lambda kind, **more: ListOf(Choice(kind.options), most=len(kind.options), **more),
    Form.MONEY: lambda _, **more: Money(**more),
    Form.WHOLE: lambda kind, **more: Integer(most=kind.most, **more),
    Form.ID: lambda _, **more: Id(**more),
    Form.ZONE: lambda _, **more: Zone(**more),
    Form.LANGUAGE: lambda _, **more: Language(**more),
    Form.TAGS: lambda _, **more: Tags(**more),
    Form.CUSTOM: lambda _, metadata, **__: CustomValues(metadata=metadata),
}


_WRITTEN: Final[Mapping[Form, Callable[[Kind, JsonDict], fields.Field[Any]]]] = {
    Form.PAST_DAY: lambda _, options: Day(**options),
    Form.CHOICE: lambda kind, options: Choice(kind.options or (), **options),
    Form.CHOICES: lambda kind, options: fields.List(Choice(kind.options or ()), **options),
    Form.MONEY: lambda _, options: Money(**options),
    Form.WHOLE: lambda _, options: Integer(**options),
    Form.ID: lambda _, options: Id(**options),
    Form.TAGS: lambda _, options: fields.List(fields.String(), **options),
    Form.CUSTOM: lambda _, options: fields.Dict(**options),
}  # others are text


def request_fields(*, of_new_lead: bool) -> dict[str, fields.Field[Any]]:
    """Return the fields of a request: of a new lead, with the required ones, or of changes."""
    return {name: _read(field, required=of_new_lead and field.is_required) for name, field in COLUMNS.items()}


def response_fields() -> dict[str, fields.Field[Any]]:
    """Return the fields of a response. Private ones are null for callers without `lead:private`."""
    return {name: _written(field) for name, field in COLUMNS.items()}


def request_field(field: LeadField) -> fields.Field[Any]:
    """Return one field of a request, without its description."""
    return _READ[field.kind.form](field.kind, metadata={})


def _read(field: LeadField, *, required: bool) -> fields.Field[Any]:
    empty = {"allow_none": True} if field.is_nullable else {}
    given = {"required": True} if required else {}
    return _READ[field.kind.form](field.kind, metadata=_described(field), **empty, **given)


def _described(field: LeadField) -> JsonDict:
    described = {"title": field.label, "description": field.description, "examples": [*field.examples]}
    of_text = field.kind.form in {Form.TEXT, Form.LINES, Form.EMAIL, Form.ZONE}  # cells of other forms are no JSON
    return {name: value for name, value in described.items() if value and (of_text or name != "examples")}


def _written(field: LeadField) -> fields.Field[Any]:
    options: JsonDict = {"required": True, "allow_none": field.is_nullable}
    if field.is_private:
        private = PrivateDay if field.kind.form is Form.PAST_DAY else PrivateText
        return private(**options, metadata=WITHHELD)
    return _WRITTEN.get(field.kind.form, _text)(field.kind, options)


def _text(_: Kind, options: JsonDict) -> fields.Field[Any]:
    return fields.String(**options)
