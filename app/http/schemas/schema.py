"""What comes in and goes out. What a schema does not name is refused, not dropped."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, ClassVar

import marshmallow
from marshmallow import RAISE, ValidationError, fields, missing
from werkzeug.datastructures import MultiDict

from app.core.validation.json_pointer import pointer
from app.errors import FieldError, Invalid
from app.http.schemas.fields import WRITTEN_AS_THEY_ARE


class Schema(marshmallow.Schema):
    """A JSON object, in or out."""

    is_query: ClassVar[bool] = False

    class Meta:
        unknown = RAISE

    def read(self, data: Any) -> Any:
        """The object as a dict of Python values. Raises Invalid with a pointer to every mistake."""
        try:
            return self.load(data)
        except ValidationError as mistakes:
            raise invalid(mistakes) from None

    def _serialize(self, obj: Any, *, many: bool = False) -> Any:
        """Marshmallow's own, without what a page of two hundred leads with fifty fields pays for and nobody uses.

        A field's `attribute` is a name, not a path; what the object does not have is left out.
        """
        if many:
            return [self._serialize(one) for one in obj]
        find = obj.get if isinstance(obj, Mapping) else partial(getattr, obj)
        written: dict[str, Any] = {}
        for shown_as, name, write in self._writers:
            value = find(name, missing) if name else None
            if value is missing:
                continue
            written[shown_as] = value if write is None or (value is None and name) else write(value, name, obj)
        return written

    @cached_property
    def _writers(self) -> list[tuple[str, str | None, Callable[..., Any] | None]]:
        """For each field: the name it is shown by, the attribute it is found by (a constant has none), its way out."""
        return [
            (
                field.data_key or name,
                (field.attribute or name) if field._CHECK_ATTRIBUTE else None,  # noqa: SLF001
                None if type(field) in WRITTEN_AS_THEY_ARE else field._serialize,  # noqa: SLF001
            )
            for name, field in self.dump_fields.items()
        ]


class QuerySchema(Schema):
    """The parameters after the `?`. Each is given once, but for lists, which repeat the name."""

    is_query = True

    def read(self, data: Any) -> Any:
        """The parameters as a dict of Python values. Raises Invalid with a pointer to every mistake."""
        return super().read(self._unfold(data))

    def _unfold(self, query: MultiDict[str, str]) -> dict[str, Any]:
        single: dict[str, Any] = {}
        for name, values in query.lists():
            if isinstance(self.fields.get(name), fields.List):
                single[name] = values
            elif len(values) == 1:
                single[name] = values[0]
            else:
                raise Invalid.at(pointer(name), "Given more than once.")
        return single


def invalid(mistakes: ValidationError) -> Invalid:
    """Marshmallow's tree of messages as a flat list, each with its JSON pointer."""
    return Invalid(*_flatten(mistakes.messages, ""))


def _flatten(messages: Any, place: str) -> list[FieldError]:
    if isinstance(messages, dict):
        return [
            error
            for part, below in messages.items()
            for error in _flatten(below, place if part == marshmallow.exceptions.SCHEMA else place + pointer(part))
        ]
    if isinstance(messages, list):
        return [FieldError(place, str(message)) for message in messages]
    return [FieldError(place, str(messages))]
