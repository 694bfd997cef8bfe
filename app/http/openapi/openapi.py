"""The API described (OpenAPI 3.1)."""

import json
from collections.abc import Iterable, Mapping, MutableMapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

import flask_smorest
from apispec import BasePlugin
from flask import Flask
from marshmallow import fields

from app.http import idempotency, model_fields
from app.http.blueprint import Blueprint
from app.http.preconditions import MARK, TAGGED
from app.http.problems import CONTENT_TYPE
from app.http.schemas.paging import COUNT_PREFERRED
from app.http.schemas.schema import Schema

DESCRIPTION: Final = """\
Every lead hears back: on time, exactly once, and anybody can see why.

**Calling.** `POST /api/auth/login` gives an access token for minutes and a refresh token for days; programs use an
API key (`POST /api/api-keys`). Either goes into `Authorization: Bearer ...`. Everything belongs to the caller's
clinic: another clinic's id is 404.

**Bodies** are JSON in snake_case. Times are RFC 3339 with an offset, and come back in UTC. A field or query
parameter that is not described here is refused, not dropped.

**Sending twice.** Every POST that needs credentials takes an `Idempotency-Key` of your choice: with the same key, path
and caller it is carried out once, and for 24 hours answered alike, then with `Idempotent-Replayed: true`. The same key
with another payload is 422; while the first call runs, a second is 409, and so is one by who may do or see something
else by then (`answer-withheld`: it was carried out). A call that failed may be sent again.

**Editing.** What can be edited comes with an `ETag`; send it as `If-Match`, and the edit is refused (412) when somebody
else edited meanwhile. Sent as `If-None-Match` with a GET, it is answered 304 while nothing changed.

**How often.** `RateLimit` says how many calls are left in this minute; beyond, the answer is 429 with `Retry-After`.

**Lists** come in pages: pass `next_cursor` of the answer as `cursor` for the next page, until it is null.
`fields=id,...` shows less of each item; `Prefer: return=total-count` adds `total_count`, which takes longer.

**Errors** are problems (RFC 9457): `code` is a stable name, `errors` points at every mistake in the input, and
`request_id` is the answer's `X-Request-Id`, also found in the logs.
"""

SECURITY_SCHEMES: Final = {
    "access_token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A person's access token.",
    },
    "api_key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "rk_...",
        "description": "A program's API key.",
    },
}

_WITH_A_KEY: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
_IDEMPOTENCY_KEY: Final = {
    "in": "header",
    "name": idempotency.HEADER,
    "description": "With the same key the call is carried out once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": idempotency.LONGEST_KEY, "pattern": r"^[\x21-\x7e]+$"},
}

_OF_AN_EDIT: Final = (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED)
_IF_MATCH: Final = {
    "in": "header",
    "name": "If-Match",
    "description": "The `ETag` of what is edited, or its `version` in quotes; `*` for whatever it is by now.",
    "schema": {"type": "string"},
}

_IF_NONE_MATCH: Final = {
    "in": "header",
    "name": "If-None-Match",
    "description": "An `ETag` of what you have: answered with 304 while it is the same.",
    "schema": {"type": "string"},
}
_PREFER: Final = {
    "in": "header",
    "name": "Prefer",
    "description": f"`{COUNT_PREFERRED}` adds `total_count`.",
    "schema": {"type": "string"},
}

_EXTENSION: Final = "relance-openapi"
_WITH_A_BODY: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)


class Mistake(Schema):
    """One mistake in the input."""

    pointer = fields.String(required=True, metadata={"description": "JSON pointer (RFC 6901) to the field."})
    message = fields.String(required=True)


class Problem(Schema):
    """What every answer that is no success looks like (RFC 9457)."""

    type = fields.String(required=True, metadata={"examples": ["urn:relance:problem:lead-is-locked"]})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(required=True, metadata={"description": "The path that was called."})
    request_id = fields.String(required=True, allow_none=True)
    code = fields.String(required=True, metadata={"description": "A stable name for programs."})
    errors = fields.List(fields.Nested(Mistake), metadata={"description": "With 422: every mistake."})
    duplicates = fields.List(
        fields.Dict(), metadata={"description": "With `duplicate-lead`: the leads that are alike."}
    )
    hidden_duplicates = fields.Integer(
        metadata={"description": "With `duplicate-lead`: how many more you may not see."}
    )
    rules = fields.List(fields.String(), metadata={"description": "With `template-in-use`: which rules speak of it."})
    merged_into = fields.UUID(metadata={"description": "With `lead-was-merged`: the lead that it is now."})


def register(app: Flask, blueprints: Iterable[Blueprint]) -> None:
    """Serve and describe these blueprints."""
    app.config |= {"API_TITLE": "Relance", "API_VERSION": version("relance"), "OPENAPI_VERSION": "3.1.0"}
    api = _Api(app, spec_kwargs={"info": {"description": DESCRIPTION}, "servers": [{"url": "/"}]})
    api.ma_plugin.converter.add_attribute_function(_of_a_model)
    for name, scheme in SECURITY_SCHEMES.items():
        api.spec.components.security_scheme(name, scheme)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    app.extensions[_EXTENSION] = api


def _of_a_model(converter: Any, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    """Describe a field that a pydantic type defines; apispec binds this to its converter."""
    return model_fields.describe(converter.spec, field)


def spec(app: Flask) -> dict[str, Any]:
    """The OpenAPI document of an application, as JSON values."""
    described: dict[str, Any] = app.extensions[_EXTENSION].spec.to_dict()
    return described


def as_text(described: Mapping[str, Any]) -> str:
    """As a file that is kept: in order of names, so that a difference is one of content."""
    return json.dumps(described, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


class _Api(flask_smorest.Api):  # type: ignore[misc]  # published without types
    """flask-smorest's registry of routes; errors, and the page that shows the API, are ours."""

    ERROR_SCHEMA = Problem

    def __init__(self, app: Flask, *, spec_kwargs: dict[str, Any]) -> None:
        super().__init__(app, spec_kwargs={**spec_kwargs, "extra_plugins": [_WhatFollows()]})

    def _register_error_handlers(self) -> None:
        """In `problems`."""

    def _register_responses(self) -> None:
        named = {name: status.phrase for name, status in HTTPStatus.__members__.items()}
        for name, description in {"DEFAULT_ERROR": "A problem", **named}.items():
            answer = {"description": description, "content": {CONTENT_TYPE: {"schema": Problem}}}
            self.spec.components.response(name, answer, lazy=True)


class _WhatFollows(BasePlugin):
    """Adds what follows from what a route is, so that no route has to say it: its refusals, and who may call it."""

    def operation_helper(
        self, path: str | None = None, operations: MutableMapping[str, Any] | None = None, **_: Any
    ) -> None:
        for method, operation in (operations or {}).items():
            answers = operation.setdefault("responses", {})
            if may_repeat := method == "post" and bool(operation.get("security")):
                operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
            if is_an_edit := operation.pop(MARK, False):
                operation.setdefault("parameters", []).append(_IF_MATCH)
            if operation.pop(TAGGED, False):
                _describe_tag(operation, method)
            if any(parameter.get("name") == "cursor" for parameter in operation.get("parameters", ())):
                operation["parameters"].append(_PREFER)
            more = (*(_WITH_A_KEY if may_repeat else ()), *(_OF_AN_EDIT if is_an_edit else ()))
            for status in (*_refusals(path or "", operation), *more):
                answers.setdefault(int(status), status.name)
            operation["responses"] = {key: answers[key] for key in sorted(answers, key=str)}
            if permission := operation.get("x-permission"):
                _add(operation, f"Needs the permission `{permission}`.")


def _describe_tag(operation: MutableMapping[str, Any], method: str) -> None:
    """What is shown has a version, which its ETag tells."""
    answers = operation["responses"]
    shown = next(answer for status, answer in answers.items() if str(status).startswith("2"))
    shown["headers"] = {"ETag": {"description": "Of what is shown.", "schema": {"type": "string"}}}
    if method == "get":
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
        answers["304"] = {"description": "It is what If-None-Match names."}


def _add(operation: MutableMapping[str, Any], sentence: str) -> None:
    operation["description"] = f"{operation.get('description', '')}\n\n{sentence}".strip()


def _refusals(path: str, operation: Mapping[str, Any]) -> Iterable[HTTPStatus]:
    if operation.get("security"):
        yield HTTPStatus.UNAUTHORIZED
        yield HTTPStatus.TOO_MANY_REQUESTS
        if operation.get("x-permission"):
            yield HTTPStatus.FORBIDDEN
    if "{" in path:
        yield HTTPStatus.NOT_FOUND
    if "requestBody" in operation:
        yield from _WITH_A_BODY
