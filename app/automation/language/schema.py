"""The JSON Schema (2020-12, as in OpenAPI 3.1) of models and types of the language."""

from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from app.core.type_aliases import JsonDict

REF_TEMPLATE: Final = "#/components/schemas/{model}"


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, without titles that repeat the key, and without null as default of optional parts."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_progress: set[str] = set()  # the named types whose schemas are being generated

    def generate_inner(self, schema: Any) -> JsonDict:
        """Return a reference for a type inside itself: actions such as `branch` contain actions."""
        ref = schema.get("ref")
        if ref is None or ref in self._in_progress:
            return super().generate_inner(schema) if ref is None else self.get_cache_defs_ref_schema(ref)[1]
        self._in_progress.add(ref)
        try:
            return super().generate_inner(schema)
        finally:
            self._in_progress.remove(ref)

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False

    def sort(self, value: object, parent_key: str | None = None) -> Any:  # noqa: ARG002
        """Keep the order in which parts are defined."""
        return value

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonDict:
        """Write one value as `enum` too: client generators read a `const` within `oneOf` as the only choice."""
        written = super().literal_schema(schema)
        return {"enum": [written.pop("const")], **written} if "const" in written else written

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonDict:
        if schema.get("default", "given") is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def json_schema(type_: Any, *, ref_template: str = REF_TEMPLATE) -> tuple[JsonDict, JsonDict]:
    """Return the JSON Schema of a type, and the schemas that it references by name.

    The schema of a model or a named type is a reference.
    """
    adapter = TypeAdapter(list[type_])  # pydantic writes a reference for an item, but not for the root
    schema = adapter.json_schema(ref_template=ref_template, schema_generator=_Generator)
    return schema["items"], schema.get("$defs", {})


def document_schema(type_: object) -> JsonDict:
    """Return the JSON Schema of a type as one document, for validators."""
    schema, definitions = json_schema(type_, ref_template="#/$defs/{model}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "$defs": definitions}
