"""Base classes of request and response schemas. Unknown fields are refused, not dropped."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, ClassVar

import marshmallow
from marshmallow import EXCLUDE, INCLUDE, RAISE, ValidationError, fields, missing, pre_load
from marshmallow.decorators import VALIDATES_SCHEMA
from marshmallow.utils import set_value
from werkzeug.datastructures import MultiDict

from app.core.type_aliases import JsonDict
from app.core.validation.check_all import InvalidFields, ReadsInvalidField, ValidFields
from app.core.validation.json_pointer import pointer
from app.errors import FieldError, Invalid
from app.http.schemas.plain_values import ReadPlain, plain_reader
from app.http.schemas.writer import Writer


class Schema(marshmallow.Schema):
    """A JSON object in a request or response."""

    is_query: ClassVar[bool] = False

    class Meta:
        unknown = RAISE

    def read(self, data: Any) -> Any:
        """Return the validated object as a dict of Python values.

        Raises InvalidFields with a pointer to every error.
        """
        try:
            return self.load(data)
        except ValidationError as error:
            valid = self._valid(error.valid_data, error.messages_dict, data)
            raise InvalidFields(*to_invalid(error).errors, valid=valid) from None

    def _valid(self, values: object, errors: Mapping[str, object], data: object) -> ValidFields:
        """Return the fields without errors; none if the input is no object."""
        if not isinstance(values, Mapping) or not isinstance(data, Mapping):
            return ValidFields({}, invalid=self.load_fields, given=())
        names = {field.data_key or name: name for name, field in self.load_fields.items()}
        invalid, given = ([names.get(key, key) for key in keys] for keys in (errors, data))
        return ValidFields(values, invalid=invalid, given=given)

    def _invoke_schema_validators(
        self, *, error_store: Any, data: Any, original_data: Any, field_errors: bool = False, many: bool, **more: Any
    ) -> None:
        """Run schema validators although there are field errors, as far as they read valid fields only."""
        if more["pass_collection"] not in self._kinds_of_validators:
            return
        if field_errors and not many:
            data, field_errors = self._valid(data, error_store.errors, original_data), False
        options = {"original_data": original_data, "field_errors": field_errors, "many": many, **more}
        super()._invoke_schema_validators(error_store=error_store, data=data, **options)

    def _run_validator(self, *args: Any, **more: Any) -> None:
        try:  # noqa: SIM105  (`suppress` takes as long as a validator)
            super()._run_validator(*args, **more)
        except ReadsInvalidField:
            pass

    @cached_property
    def _kinds_of_validators(self) -> frozenset[bool]:
        """Return whether schema validators take one object (False), a list (True), or both exist."""
        return frozenset(takes_list for _, takes_list, _ in self._hooks[VALIDATES_SCHEMA])

    def _deserialize(self, data: Any, *, error_store: Any, **options: Any) -> Any:
        """Deserialize one object by the fields that it has. marshmallow tries every field of the schema."""
        if options.get("many") or options.get("partial") is not None or not isinstance(data, Mapping):
            return super()._deserialize(data, error_store=error_store, **options)
        index = options.get("index") if self.opts.index_errors else None
        loaded: JsonDict = {}
        for key, target, field, read_plain in [one for key, must, one in self._readers if key in data or must]:
            raw = data.get(key, missing)
            if read_plain and (plain := read_plain(raw)) is not missing:
                loaded[target] = plain
                continue
            try:
                value = field.deserialize(raw, key, data)
            except ValidationError as error:
                error_store.store_error(error.messages, key, index=index)
                value = error.valid_data or missing
            if value is not missing:
                set_value(loaded, target, value)
        self._add_unknown(loaded, data, options.get("unknown", RAISE), partial(error_store.store_error, index=index))
        return loaded

    def _add_unknown(
        self, loaded: JsonDict, data: Mapping[str, Any], unknown: str, store_error: Callable[..., None]
    ) -> None:
        if unknown == EXCLUDE or self._keys >= data.keys():
            return
        for key in data.keys() - self._keys:
            if unknown == INCLUDE:
                loaded[key] = data[key]
            else:
                store_error([self.error_messages["unknown"]], key)

    @cached_property
    def _readers(self) -> list[tuple[str, bool, tuple[str, str, fields.Field[Any], ReadPlain | None]]]:
        """Return for each field its key, whether it has an effect if it is missing, and how to read it.

        To read it: its key, its attribute, the field, and the function for plain values.
        """
        return [
            (
                _key_of(name, field),
                field.required or field.load_default is not missing,
                (
                    _key_of(name, field),
                    field.attribute or name,
                    field,
                    None if "." in (field.attribute or name) else plain_reader(field),
                ),
            )
            for name, field in self.load_fields.items()
        ]

    @cached_property
    def _keys(self) -> frozenset[str]:
        return frozenset(_key_of(name, field) for name, field in self.load_fields.items())

    def _serialize(self, obj: Any, *, many: bool = False) -> Any:
        """Serialize without the unused features of marshmallow, which are slow for pages of many large objects.

        A field's `attribute` is a name, not a path. Attributes that the object lacks are left out.
        """
        return [one if one is None else self._writer.write(one) for one in obj] if many else self._writer.write(obj)

    @cached_property
    def _writer(self) -> Writer:
        return Writer(self.dump_fields)


def _key_of(name: str, field: fields.Field[Any]) -> str:
    return name if field.data_key is None else field.data_key


class Aliases(marshmallow.Schema):
    """A request schema that accepts other words for some fields: those that responses or other routes use."""

    aliases: ClassVar[Mapping[str, str]] = {}  # accepted word → key of the field

    @pre_load
    def _rename_aliases(self, data: Any, **_: object) -> Any:
        if not isinstance(data, Mapping) or self.aliases.keys().isdisjoint(data):
            return data
        twice = [name for name in data if self.aliases.get(name) in data]
        if twice:
            raise ValidationError({name: [f"Give either this or {self.aliases[name]}."] for name in twice})
        return {self.aliases.get(name, name): value for name, value in data.items()}


class QuerySchema(Schema):
    """Query parameters. Each may occur once, except lists, which repeat the name."""

    is_query = True

    def read(self, data: Any) -> Any:
        """Return the validated parameters as a dict of Python values. Raises Invalid with a pointer to every error."""
        return super().read(self._unfold(data))

    def _unfold(self, query: MultiDict[str, str]) -> JsonDict:
        single: JsonDict = {}
        for name, values in query.lists():
            if isinstance(self.fields.get(name), fields.List):
                single[name] = values
            elif len(values) == 1:
                single[name] = values[0]
            else:
                raise Invalid.at(pointer(name), "The parameter is given more than once.")
        return single


def to_invalid(error: ValidationError) -> Invalid:
    """Convert marshmallow's tree of messages to a flat list, each with its JSON pointer."""
    return Invalid(*_flatten(error.messages, ""))


def _flatten(messages: object, place: str) -> list[FieldError]:
    if isinstance(messages, dict):
        return [
            error
            for part, below in messages.items()
            for error in _flatten(below, place if part == marshmallow.exceptions.SCHEMA else place + pointer(part))
        ]
    if isinstance(messages, list):
        return [FieldError(place, str(message)) for message in messages]
    return [FieldError(place, str(messages))]
