"""Strict schema fields: JSON values are not coerced, and every value has a maximum size.

In a `QuerySchema` the same fields parse query strings, where every value is text.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from marshmallow import ValidationError, fields, validate

from app.clock import is_in_range
from app.core.validation import language_tags
from app.core.validation.plain_values import (
    CONTROL,
    CONTROL_BUT_LINES,
    LONGEST_EMAIL,
    OUT_OF_RANGE,
    NotADate,
    read_date,
)
from app.core.validation.validation_errors import listed
from app.http.schemas.one_of import OneOf, OneOfRegistered

INT4_MAX: Final = 2_147_483_647  # PostgreSQL's integer

UUID_LENGTH: Final = 36

_LONGEST_TAG: Final = 12  # a language tag such as `zho-Hant-419`
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_AMOUNT = re.compile(r"^[0-9]{1,10}(\.[0-9]{1,2})?$", re.ASCII)
# Fast path for nearly all addresses. The library checks all others, also reserved domains.
PLAIN_EMAIL = re.compile(
    r"[A-Za-z0-9_+-]{1,30}(\.[A-Za-z0-9_+-]{1,30})?@([a-z0-9]{1,62}\.){1,3}(com|org|net|edu|fr|de|es|it|uk|ca|us)",
    re.ASCII,
)


class Text(fields.String):
    """Text of at most `most` characters, stripped. It must be one line, unless `lines` is true.

    `form` is a pattern from ^ to $ and the error message for other text.
    """

    def __init__(
        self,
        most: int,
        *,
        least: int = 0,
        lines: bool = False,
        form: tuple[str, str] | None = None,
        **options: Any,
    ) -> None:
        if lines:  # a form shows it as a text area
            options["metadata"] = {**options.get("metadata", {}), "x-lines": True}
        super().__init__(validate=validate.Length(least or None, most), **options)
        self.least, self.most = least, most
        if form:
            self.validators.append(validate.Regexp(form[0], error=form[1]))
        self._refused = CONTROL_BUT_LINES if lines else CONTROL

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if self._refused.search(value):
            raise ValidationError("Control characters are not allowed.")
        return value.strip()


class Secret(fields.String):
    """A password or token: read unchanged, never in a response."""

    def __init__(self, most: int, **options: Any) -> None:
        super().__init__(validate=validate.Length(1, most), load_only=True, **options)


class Email(Text):
    """An e-mail address such as `ana@example.org`. Its domain is not looked up."""

    def __init__(self, **options: Any) -> None:
        super().__init__(LONGEST_EMAIL, metadata={"format": "email", **options.pop("metadata", {})}, **options)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        address = super()._deserialize(value)
        if PLAIN_EMAIL.fullmatch(address):
            return address
        try:
            return validate_email(address, check_deliverability=False, test_environment=True, strict=True).normalized
        except EmailNotValidError as mistake:
            raise ValidationError(str(mistake)) from None


class Language(Text):
    """A language by its BCP 47 tag, such as `fr` or `fr-CA`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(_LONGEST_TAG, metadata={"examples": ["fr-CA"], **options.pop("metadata", {})}, **options)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        try:
            return language_tags.normalize(super()._deserialize(value))
        except ValueError as mistake:
            raise ValidationError(str(mistake)) from None


class Choice(fields.String):
    """One of these members of an enumeration, loaded as the member. `also`: other accepted words for some members."""

    def __init__(self, options: Iterable[StrEnum], *, also: Mapping[str, StrEnum] | None = None, **more: Any) -> None:
        names = {member.value: member for member in options}
        self.members: Mapping[str, StrEnum] = {**names, **(also or {})}
        super().__init__(validate=OneOf(list(names)), **more)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        return self.members.get(value, value)  # the validator refuses other values


class RegisteredName(fields.String):
    """One of the names in a registry, which is asked each time a value is read or the field is described."""

    def __init__(self, names: Callable[[], Sequence[str]], **more: Any) -> None:
        super().__init__(validate=OneOfRegistered(names), **more)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        return value


class Choices(fields.Field[tuple[StrEnum, ...]]):
    """One or more values of an enumeration, as text with commas, loaded as their members. `also`: as of a Choice."""

    def __init__(self, options: type[StrEnum], *, also: Mapping[str, StrEnum] | None = None, **more: Any) -> None:
        self._members: Mapping[str, StrEnum] = {**{member.value: member for member in options}, **(also or {})}
        any_of = "|".join(options)
        metadata = {"type": "string", "pattern": f"^({any_of})(,({any_of}))*$", **more.pop("metadata", {})}
        super().__init__(metadata=metadata, **more)

    def _deserialize(self, value: object, *_: object, **__: object) -> tuple[StrEnum, ...]:
        names = value.split(",", len(self._members)) if isinstance(value, str) else []
        if not names or any(name not in self._members for name in names):
            raise ValidationError(f"Must be one or more of {listed(self._members)}, separated by commas.")
        return tuple(dict.fromkeys(self._members[name] for name in names))


class Id(fields.UUID):
    """A UUID in its canonical form."""

    def _deserialize(self, value: object, *_: object, **__: object) -> UUID:
        if not isinstance(value, str) or len(value) != UUID_LENGTH:
            raise self.make_error("invalid_uuid")
        try:
            return UUID(value)
        except ValueError:
            raise self.make_error("invalid_uuid") from None


class Integer(fields.Integer):
    """An integer from `least` to `most`. In JSON it must be a number, not text."""

    def __init__(self, *, least: int = 0, most: int = INT4_MAX, **options: Any) -> None:
        super().__init__(validate=validate.Range(least, most), strict=True, **options)

    def _deserialize(self, value: object, *_: object, **__: object) -> int:
        if _is_from_query(self) and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,12}", value):
            return int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Boolean(fields.Boolean):
    """A boolean: exactly `true` or `false`."""

    def _deserialize(self, value: object, *_: object, **__: object) -> bool:
        if _is_from_query(self) and value in {"true", "false"}:
            return bool(value == "true")
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Instant(fields.DateTime):
    """A time (RFC 3339) with an offset. Loaded as an aware datetime in UTC; written in UTC, with Z."""

    def _deserialize(self, value: object, *_: object, **__: object) -> datetime:
        if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
            raise ValidationError("Must be RFC 3339 with an offset, such as 2026-01-31T09:00:00Z.")
        try:
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError("There is no such time.") from None
        if not is_in_range(instant):
            raise ValidationError(OUT_OF_RANGE)
        return instant

    def _serialize(self, value: datetime | None, *_: object, **__: object) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Day(fields.Date):
    """A date, such as 2026-01-31."""

    def _deserialize(self, value: object, *_: object, **__: object) -> date:
        try:
            return read_date(value)
        except NotADate as mistake:
            raise ValidationError(str(mistake)) from None


class Money(fields.Field[Decimal]):
    """An amount of at least 0, with at most two decimals, as text: `"1250.00"`."""

    def __init__(self, **options: Any) -> None:
        shape = {"type": "string", "pattern": _AMOUNT.pattern, "examples": ["1250.00"]}
        super().__init__(metadata={**shape, **options.pop("metadata", {})}, **options)

    def _deserialize(self, value: object, *_: object, **__: object) -> Decimal:
        if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
            raise ValidationError('Must be an amount such as "1250.00".')
        return Decimal(value)

    def _serialize(self, value: Decimal | None, *_: object, **__: object) -> str | None:
        return None if value is None else f"{value:.2f}"


class ListOf(fields.List[Any]):
    """A list of at most `most` items of the field `item`."""

    def __init__(self, item: fields.Field[Any], *, most: int, least: int = 0, **options: Any) -> None:
        super().__init__(item, validate=validate.Length(least or None, most), **options)
        self._most = most

    def _deserialize(self, value: object, *args: object, **more: object) -> list[Any]:
        if isinstance(value, list) and len(value) > self._most:
            raise ValidationError(f"At most {self._most} items.")  # before any item is parsed
        return super()._deserialize(value, *args, **more)


class BuiltList(fields.List[Any]):
    """A list in a response whose items have the fields of the item's schema, and only JSON values.

    A report has thousands of items: to convert them takes as long as to build them.
    """


# Fields whose values the JSON encoder writes without conversion.
PASSED_THROUGH: Final = frozenset(
    {fields.String, Text, Email, Choice, RegisteredName, Id, Integer, fields.Integer, Boolean, Day, BuiltList}
)


def _is_from_query(field: fields.Field[Any]) -> bool:
    return bool(getattr(field.root, "is_query", False))
