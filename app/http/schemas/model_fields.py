"""Fields of request and response schemas that are defined by pydantic types.

The type contributes its JSON Schema to the OpenAPI description. It does not validate: the service that saves a
definition validates it as a whole, with the names that the clinic knows, so that every mistake is reported at once.
"""

from collections.abc import Collection
from typing import Any

from apispec import APISpec
from marshmallow import fields
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.automation.language.schema import json_schema
from app.core.type_aliases import JsonDict, JsonObject
from app.http.schemas.fields import Text


class ModelField(fields.Field[Any]):
    """A value of a pydantic type, passed on unchanged. `is_described_null`: whether its JSON Schema allows null."""

    def __init__(self, type_: object, *, is_described_null: bool | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.type = type_
        self.is_described_null = self.allow_none if is_described_null is None else is_described_null

    def _validate_missing(self, value: object) -> None:
        """Report nothing: the rule language reports missing parts."""


class YamlText(Text):
    """A document in YAML. A model defines its content."""

    def __init__(self, model: type[BaseModel], most: int, **options: Any) -> None:
        super().__init__(most, least=1, lines=True, **options)
        self.model = model


def fields_of(
    model: type[BaseModel], *, leave_out: Collection[str] = (), is_change: bool = False, null_is_absent: bool = True
) -> dict[str, fields.Field[Any]]:
    """Return a field for each field of a model, by the key that definitions use.

    With `is_change` all fields are optional. With `null_is_absent` null means that the part is absent.
    """
    named = {info.alias or name: info for name, info in model.model_fields.items() if name not in leave_out}
    return {key: _field(info, is_change, null_is_absent) for key, info in named.items()}


def _field(info: FieldInfo, is_change: bool, null_is_absent: bool) -> ModelField:
    is_required = info.is_required() and not is_change
    about = {name: value for name in ("description", "examples") if (value := getattr(info, name))}
    return ModelField(
        info.rebuild_annotation(),
        is_described_null=null_is_absent and not is_required,
        required=is_required,
        allow_none=True,
        metadata=about,
    )


def describe(spec: APISpec, field: fields.Field[Any]) -> JsonDict:
    """Return the JSON Schema of a ModelField or a YamlText, and register the components that it refers to.

    Raises:
        ValueError: for two components of one name.
    """
    if isinstance(field, YamlText):
        return {"contentMediaType": "application/yaml", "contentSchema": _schema(spec, field.model)}
    if not isinstance(field, ModelField):
        return {}
    schema = _schema(spec, field.type)
    return _or_null(schema) if field.is_described_null else schema


def _schema(spec: APISpec, type_: object) -> JsonDict:
    schema, definitions = json_schema(type_)
    for name, definition in definitions.items():
        _register(spec, name, definition)
    return schema


def _or_null(schema: JsonDict) -> JsonDict:
    return {"anyOf": [*(schema["anyOf"] if schema.keys() == {"anyOf"} else [schema]), {"type": "null"}]}


def _register(spec: APISpec, name: str, definition: JsonObject) -> None:
    known = spec.components.schemas
    if name not in known:
        spec.components.schema(name, dict(definition))
    elif known[name] != definition:
        raise ValueError(f"two components are called {name}")
