"""Markdown tables of models, and the pages that contain them. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any

import yaml

from app.automation.language.base import Strict
from app.automation.language.schema import json_schema
from app.core.type_aliases import JsonObject

Table = Callable[[], Iterable[str]]


def page(name: str, tables: Mapping[str, Table]) -> str:
    """Return the text `<name>.md` of this package, with a table for each line such as `<!-- table: rule -->`."""
    text = (files(__package__) / f"{name}.md").read_text(encoding="utf-8")
    for key, table in tables.items():
        text = text.replace(f"<!-- table: {key} -->", "\n".join(table()))
    return text


def parts_of(model: type[Strict]) -> Iterator[str]:
    """Yield a table of the parts of a model: one row for each, with its description, values and an example."""
    schema, definitions = json_schema(model)
    own = definitions[schema["$ref"].rpartition("/")[2]]
    yield from ("| part | | description | example |", "| --- | --- | --- | --- |")
    for name, part in own["properties"].items():
        required = "required" if name in own.get("required", ()) else ""
        described = {**_resolved(part, definitions), **part}
        yield f"| `{name}` | {required} | {_sentences(described)} | {_example(described)} |"


def actions(models: Mapping[str, type[Any]]) -> Iterator[str]:
    """Yield a table of step kinds, and a table of the parameters of each. `models`: the parameters' model by kind."""
    yield from ("| action | description | example |", "| --- | --- | --- |")
    yield from (f"| `{kind}` | {one.__doc__} | `{flow({kind: one.example})}` |" for kind, one in models.items())
    for kind, one in models.items():
        if one.model_fields:
            yield from ("", f"### `{kind}`", "", *parts_of(one))


class _Dumper(yaml.SafeDumper):
    """YAML in the style of playbooks: `on` is text and needs no quotes."""


_Dumper.yaml_implicit_resolvers = {
    first: resolvers for first, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items() if first not in {*"yYnNoO"}
}


def flow(value: object) -> str:
    """Return a value as YAML in one line."""
    text = str(
        yaml.dump(value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
    )
    return text.removesuffix("\n").removesuffix("\n...")


def block(value: object) -> str:
    """Return a value as YAML in lines."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def _resolved(part: JsonObject, definitions: JsonObject) -> JsonObject:
    reference = part.get("$ref")
    return definitions[reference.rpartition("/")[2]] if reference else part


def _sentences(part: JsonObject) -> str:
    values = part.get("enum", ())
    listed = f"One of {', '.join(f'`{value}`' for value in values)}." if len(values) > 1 else ""
    default = part.get("default")
    unless_given = f"Default: `{flow(default)}`." if default not in (None, [], {}) else ""
    return " ".join(sentence for sentence in (part.get("description", ""), listed, unless_given) if sentence)


def _example(part: JsonObject) -> str:
    examples = part.get("examples", ())
    return f"`{flow(examples[0])}`" if examples else ""
