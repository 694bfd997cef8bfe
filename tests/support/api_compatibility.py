"""Changes of an API description that break the clients of an earlier one.

lost("releases/0.1.0/openapi.json" as a dict, "docs/openapi.json" as a dict)
-> {"GET /api/leads 200 items.score", "POST /api/leads body first_name is required"}
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

METHODS: Final = ("get", "post", "put", "patch", "delete")
JsonObject = Mapping[str, Any]


def lost(earlier: JsonObject, later: JsonObject) -> set[str]:
    """Return what the later description lacks, and what it requires of requests that the earlier one does not.

    It has every operation, every parameter, every property of a request, and every required property of a response.
    """
    return set(_Comparison(earlier, later).differences())


@dataclass(frozen=True)
class _Comparison:
    earlier: JsonObject
    later: JsonObject
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def differences(self) -> Iterator[str]:
        for path, methods in self.earlier["paths"].items():
            for method in methods.keys() & set(METHODS):
                name = f"{method.upper()} {path}"
                if after := self.later["paths"].get(path, {}).get(method):
                    yield from self._operation(name, methods[method], after)
                else:
                    yield name

    def _operation(self, name: str, before: JsonObject, after: JsonObject) -> Iterator[str]:
        yield from self._parameters(name, before, after)
        self.seen.clear()  # each operation names what it lost
        if after.get("requestBody", {}).get("required") and not before.get("requestBody", {}).get("required"):
            yield f"{name} body is required"
        body = self._contents(self.later, after.get("requestBody", {}))
        for media, schema in self._contents(self.earlier, before.get("requestBody", {})).items():
            yield from self._request(f"{name} body ", [schema], [body.get(media, {})])
        for status, response in before["responses"].items():
            if status.startswith("2"):
                yield from self._response_of(f"{name} {status}", response, after["responses"].get(status))

    def _parameters(self, name: str, before: JsonObject, after: JsonObject) -> Iterator[str]:
        old = {(one["in"], one["name"]): one for one in self._all_parameters(self.earlier, before)}
        new = {(one["in"], one["name"]): one for one in self._all_parameters(self.later, after)}
        yield from (f"{name} {place} {key}" for place, key in old.keys() - new.keys())
        for (place, key), parameter in new.items():
            if parameter.get("required") and not old.get((place, key), {}).get("required"):
                yield f"{name} {place} {key} is required"

    def _response_of(self, name: str, before: JsonObject, after: JsonObject | None) -> Iterator[str]:
        if after is None:
            yield name
            return
        new = self._contents(self.later, after)
        for media, schema in self._contents(self.earlier, before).items():
            if media in new:
                yield from self._response(f"{name} ", [schema], [new[media]])
            else:
                yield f"{name} {media}"

    def _request(self, place: str, before: Sequence[JsonObject], after: Sequence[JsonObject]) -> Iterator[str]:
        old, new = self._objects(self.earlier, before), self._objects(self.later, after)
        if self._is_seen("request", old, new):
            return
        yield from (f"{place}{name}" for name in _properties(old).keys() - _properties(new).keys())
        yield from (f"{place}{name} is required" for name in _required_by_all(new) - _required_by_all(old))
        for name, schemas in _properties(old).items():
            if name in _properties(new):
                yield from self._request(f"{place}{name}.", schemas, _properties(new)[name])

    def _response(self, place: str, before: Sequence[JsonObject], after: Sequence[JsonObject]) -> Iterator[str]:
        old, new = self._objects(self.earlier, before), self._objects(self.later, after)
        if self._is_seen("response", old, new):
            return
        required = {name for one in old for name in one.get("required", ())}
        yield from (f"{place}{name}" for name in (required & _properties(old).keys()) - _properties(new).keys())
        for name, schemas in _properties(old).items():
            if name in _properties(new):
                yield from self._response(f"{place}{name}.", schemas, _properties(new)[name])

    def _is_seen(self, kind: str, old: Sequence[JsonObject], new: Sequence[JsonObject]) -> bool:
        """Return whether both were compared: schemas may contain themselves."""
        key = (kind, ",".join(str(id(one)) for one in old), ",".join(str(id(one)) for one in new))
        if key in self.seen:
            return True
        self.seen.add(key)
        return False

    def _objects(self, document: JsonObject, schemas: Sequence[JsonObject]) -> list[JsonObject]:
        """Return the objects that the schemas may be: alternatives, parts, and items of lists."""
        found: list[JsonObject] = []
        for schema in schemas:
            one = self._resolved(document, schema)
            nested = [*one.get("anyOf", ()), *one.get("oneOf", ()), *one.get("allOf", ())]
            nested += [one[key] for key in ("items", "additionalProperties") if isinstance(one.get(key), dict)]
            if "properties" in one:
                found.append(one)
            found += self._objects(document, nested)
        return found

    def _contents(self, document: JsonObject, holder: JsonObject) -> dict[str, JsonObject]:
        content = self._resolved(document, holder).get("content", {})
        return {media: one.get("schema", {}) for media, one in content.items()}

    def _all_parameters(self, document: JsonObject, operation: JsonObject) -> list[JsonObject]:
        return [self._resolved(document, one) for one in operation.get("parameters", ())]

    def _resolved(self, document: JsonObject, node: JsonObject) -> JsonObject:
        while "$ref" in node:
            target: Any = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node


def _properties(objects: Sequence[JsonObject]) -> dict[str, list[JsonObject]]:
    names = {name for one in objects for name in one["properties"]}
    return {name: [one["properties"][name] for one in objects if name in one["properties"]] for name in names}


def _required_by_all(objects: Sequence[JsonObject]) -> set[str]:
    return set.intersection(*(set(one.get("required", ())) for one in objects)) if objects else set()
