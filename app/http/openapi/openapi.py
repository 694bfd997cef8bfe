"""OpenAPI 3.1 document of the API."""

import json
from collections.abc import Iterable, MutableMapping
from http import HTTPStatus
from importlib.metadata import version
from threading import Lock
from typing import Any, Final

import flask_smorest
from apispec import APISpec, BasePlugin
from flask import Flask
from marshmallow import fields

from app.core.type_aliases import JsonDict, JsonObject
from app.http import idempotency
from app.http.blueprint import Blueprint
from app.http.openapi.examples import RequestBodies, add_examples
from app.http.preconditions import HAS_ETAG, NEEDS_IF_MATCH, TAKES_IF_MATCH
from app.http.problems import CONTENT_TYPE
from app.http.schemas import model_fields
from app.http.schemas.paging import COUNT_PREFERRED
from app.http.schemas.schema import Schema

DESCRIPTION: Final = """\
Lead follow-up: every lead gets each follow-up on time and exactly once, and every step is explained.

**Authentication.** `POST /api/auth/login` returns an access token (valid for minutes) and a refresh token (valid for
days). Programs use an API key (`POST /api/api-keys`). Send either as `Authorization: Bearer ...`. All data belongs to
the caller's clinic: an id of another clinic is 404.

**Requests** are JSON in snake_case. Times are RFC 3339 with an offset; responses use UTC. Unknown fields and query
parameters are refused with 422.

**Words.** Some things have two names, because two published documents name them differently. Requests accept both:

| thing | word | also accepted | shown in responses |
|---|---|---|---|
| notes of a completed task | `notes` | `completion_notes` | `completion_notes` |
| leads of a bulk call | `filter` | `filters` | |
| query of a saved view | `filters` | `filter` | `filters` |
| stage of a lead, by its slug | `stage` | `pipeline_stage` | `pipeline_stage` |
| reason of a loss | `reason` | `lost_reason` | `lost_reason` |
| days of the calendar | `from`, `to` | `due_from`, `due_to` | |
| period of the audit log | `from`, `to` | `since`, `until` | |
| period of a report | `since`, `until` | `from`, `to` | `since`, `until` |
| a call | `CALL` (task), `PHONE_CALL` (activity) | `PHONE_CALL` (task), `CALL` (activity) | as the word |
| outcomes | `no_answer` | `NO_ANSWER` | `no_answer` |

**Idempotency.** Every POST that needs credentials accepts an `Idempotency-Key` of your choice. Calls with the same key,
path and caller run once. For 24 hours a repeated call gets the saved response, with `Idempotent-Replayed: true`. The
same key with another payload is 422. A repeated call is 409 while the first one runs. It is also 409 if your
permissions or the visible data have changed (`answer-withheld`; the first call was carried out). You can repeat a
failed call with the same key.

**Edits.** `PATCH` replaces the given fields; others stay unchanged. `PUT` replaces the whole resource: a field that is
left out gets its default. Exceptions are three published paths: `PUT` of a lead, of a task, and of a lead by its
external id edits like `PATCH`.

**Concurrent edits.** Resources that you can edit have an `ETag`, which their `GET` shows. Edits that document
`If-Match` require it: they are refused without it (428), and with an old `ETag` if the resource has changed (412). Send
the `ETag` as `If-None-Match` with a GET: the response is 304 if nothing has changed.

**Rate limits.** `RateLimit` tells how many calls are left in this minute. After that, calls get 429 with `Retry-After`.

**Pagination.** Lists are paginated. Pass `next_cursor` as `cursor` to get the next page, until it is null.
`fields=id,...` limits the fields of each item. `Prefer: return=total-count` adds `total_count`, which is slower.

**Errors** are problem documents (RFC 9457). `code` is stable, `errors` has a JSON pointer for every invalid field, and
`request_id` equals the header `X-Request-Id` and appears in the logs.
"""

SECURITY_SCHEMES: Final = {
    "access_token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Access token of a user.",
    },
    "api_key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "rk_...",
        "description": "API key of a program.",
    },
}

_WITH_A_KEY: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
_IDEMPOTENCY_KEY: Final = {
    "in": "header",
    "name": idempotency.HEADER,
    "description": "Calls with the same key run once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": idempotency.LONGEST_KEY, "pattern": r"^[\x21-\x7e]+$"},
}

_OF_AN_EDIT: Final = (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED)
_IF_MATCH: Final = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "`ETag` of the resource, or its `version` in quotes; `*` for any version.",
    "schema": {"type": "string"},
}
_IF_MATCH_ACCEPTED: Final = {**_IF_MATCH, "required": False}

_IF_NONE_MATCH: Final = {
    "in": "header",
    "name": "If-None-Match",
    "description": "`ETag` of your copy: the response is 304 if it is still current.",
    "schema": {"type": "string"},
}
_PREFER: Final = {
    "in": "header",
    "name": "Prefer",
    "description": f"`{COUNT_PREFERRED}` adds `total_count`.",
    "schema": {"type": "string"},
}

_EXTENSION: Final = "relance-openapi"
_LEAD_IDS: Final = ("{lead_id}", "{opportunity_id}")
_WITH_A_BODY: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)


class Mistake(Schema):
    """One invalid field in the input."""

    pointer = fields.String(required=True, metadata={"description": "JSON pointer (RFC 6901) to the field."})
    message = fields.String(required=True)


class Problem(Schema):
    """Body of every error response (RFC 9457)."""

    type = fields.String(required=True, metadata={"examples": ["urn:relance:problem:lead-is-locked"]})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(required=True, metadata={"description": "Path of the request."})
    request_id = fields.String(required=True, allow_none=True)
    code = fields.String(required=True, metadata={"description": "Stable error code."})
    errors = fields.List(fields.Nested(Mistake), metadata={"description": "With 422: every invalid field."})
    clinics = fields.List(fields.Dict(), metadata={"description": "With `several-clinics`: `slug` and `name` of each."})
    duplicates = fields.List(fields.Dict(), metadata={"description": "With `duplicate-lead`: the existing leads."})
    hidden_duplicates = fields.Integer(
        metadata={"description": "With `duplicate-lead`: number of further duplicates that you may not see."}
    )
    rules = fields.List(fields.String(), metadata={"description": "With `template-in-use`: the rules that use it."})
    reason = fields.String(metadata={"description": "With `message-not-allowed`: the check that refuses."})
    merged_into = fields.UUID(metadata={"description": "With `lead-was-merged`: id of the remaining lead."})


def register(app: Flask, blueprints: Iterable[Blueprint], bodies: RequestBodies) -> None:
    """Register these blueprints. `spec` documents them, with examples of request bodies."""
    app.config |= {"API_TITLE": "Relance", "API_VERSION": version("relance"), "OPENAPI_VERSION": "3.1.0"}
    registered = tuple(blueprints)
    for blueprint in registered:
        app.register_blueprint(blueprint)
    app.extensions[_EXTENSION] = _Document(app, registered, bodies)


def spec(app: Flask) -> JsonDict:
    """Return the OpenAPI document of an application, as JSON values."""
    document: _Document = app.extensions[_EXTENSION]
    described: JsonDict = document.spec().to_dict()
    add_examples(described, document.bodies)
    return described


class _Document:
    """The document of one application, built at the first request for it: that takes most of a second of CPU."""

    def __init__(self, app: Flask, blueprints: Iterable[Blueprint], bodies: RequestBodies) -> None:
        self._app, self._blueprints, self.bodies = app, blueprints, bodies
        self._lock = Lock()  # the threads of a web process share the document
        self._spec: APISpec | None = None

    def spec(self) -> APISpec:
        with self._lock:
            if self._spec is None:
                self._spec = _describe(self._app, self._blueprints)
            return self._spec


def _describe(app: Flask, blueprints: Iterable[Blueprint]) -> APISpec:
    api = _Api(app, spec_kwargs={"info": {"description": DESCRIPTION}, "servers": [{"url": "/"}]})
    api.ma_plugin.converter.add_attribute_function(_of_a_model)
    document: APISpec = api.spec
    for name, scheme in SECURITY_SCHEMES.items():
        document.components.security_scheme(name, scheme)
    for blueprint in blueprints:  # not `api.register_blueprint`: it would register the routes again
        blueprint.register_views_in_doc(api, app, document, name=blueprint.name, parameters=None)
        document.tag({"name": blueprint.name, "description": blueprint.description})
    return document


def _of_a_model(converter: Any, field: fields.Field[Any], **_: object) -> JsonDict:
    """Describe a field that a pydantic type defines; apispec binds this to its converter."""
    return model_fields.describe(converter.spec, field)


def as_text(described: JsonObject) -> str:
    """Return the document as text for `docs/openapi.json`, with sorted keys, so that diffs show content only."""
    return json.dumps(described, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


class _Api(flask_smorest.Api):  # type: ignore[misc]  # published without types
    """flask-smorest's API registry, with our own error responses and documentation page."""

    ERROR_SCHEMA = Problem

    def __init__(self, app: Flask, *, spec_kwargs: JsonDict) -> None:
        super().__init__(app, spec_kwargs={**spec_kwargs, "extra_plugins": [_DerivedDocs()]})

    def _register_error_handlers(self) -> None:
        """Do nothing: `app.http.problems` registers the error handlers."""

    def _register_responses(self) -> None:
        named = {name: status.phrase for name, status in HTTPStatus.__members__.items()}
        for name, description in {"DEFAULT_ERROR": "A problem", **named}.items():
            answer = {"description": description, "content": {CONTENT_TYPE: {"schema": Problem}}}
            self.spec.components.response(name, answer, lazy=True)


class _DerivedDocs(BasePlugin):
    """Add the documentation that follows from a route: error responses, headers and the needed permission."""

    def operation_helper(
        self, path: str | None = None, operations: MutableMapping[str, Any] | None = None, **_: object
    ) -> None:
        for method, operation in (operations or {}).items():
            answers = operation.setdefault("responses", {})
            if may_repeat := method == "post" and bool(operation.get("security")):
                operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
            if is_an_edit := operation.pop(NEEDS_IF_MATCH, False):
                operation.setdefault("parameters", []).append(_IF_MATCH)
            if operation.pop(TAKES_IF_MATCH, False):
                operation.setdefault("parameters", []).append(_IF_MATCH_ACCEPTED)
                answers.setdefault(int(HTTPStatus.PRECONDITION_FAILED), HTTPStatus.PRECONDITION_FAILED.name)
            if operation.pop(HAS_ETAG, False):
                _describe_tag(operation, method)
            if any(parameter.get("name") == "cursor" for parameter in operation.get("parameters", ())):
                operation["parameters"].append(_PREFER)
            more = (*(_WITH_A_KEY if may_repeat else ()), *(_OF_AN_EDIT if is_an_edit else ()))
            for status in (*_refusals(path or "", method, operation), *more):
                answers.setdefault(int(status), status.name)
            operation["responses"] = {key: answers[key] for key in sorted(answers, key=str)}
            if permission := operation.get("x-permission"):
                also = operation.get("x-permission-also")
                _add(operation, f"Requires the permission `{permission}`{f' or `{also}`' if also else ''}.")


def _describe_tag(operation: MutableMapping[str, Any], method: str) -> None:
    """Document the ETag header of a resource with a version, and the 304 response of a GET."""
    answers = operation["responses"]
    shown = next(answer for status, answer in answers.items() if str(status).startswith("2"))
    shown["headers"] = {"ETag": {"description": "Entity tag of the resource.", "schema": {"type": "string"}}}
    if method == "get":
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
        answers["304"] = {"description": "Not modified: `If-None-Match` names the current version."}


def _add(operation: MutableMapping[str, Any], sentence: str) -> None:
    operation["description"] = f"{operation.get('description', '')}\n\n{sentence}".strip()


def _refusals(path: str, method: str, operation: JsonObject) -> Iterable[HTTPStatus]:
    yield HTTPStatus.UNPROCESSABLE_ENTITY  # unknown query parameters, at least
    yield HTTPStatus.REQUEST_URI_TOO_LONG
    if operation.get("security"):
        yield from (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
    if "{" in path:
        yield HTTPStatus.NOT_FOUND
    if any(name in path for name in _LEAD_IDS):
        yield HTTPStatus.GONE  # the lead was merged into another one
    if method != "get":
        yield from _WITH_A_BODY  # a route without a body refuses one
