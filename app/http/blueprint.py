"""Blueprint of flask-smorest with faster, stricter request parsing and response rendering."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, TypeVar, cast

import flask_smorest
from flask import Response, request

from app.http import idempotency
from app.http.body.json_body import read_body
from app.http.body.unknown_parameters import declare_reads_body, declare_reads_query
from app.http.lookups import Lookups, call_with_lookups, read_with_lookups
from app.http.merge_patch import MergePatch, apply_patch, merge_patch_reader, patch_schema
from app.http.preconditions import HAS_ETAG, etag_header, is_not_modified
from app.http.schemas.paging import COUNT_PREFERRED, PageOut
from app.http.schemas.schema import QuerySchema, Schema
from app.http.schemas.writer import encode_json

View = TypeVar("View", bound=Callable[..., Any])


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # published without types
    """A group of routes with access control, request schemas and response schemas.

    Decorators in order: `@blp.post("/...")`, `@allow(...)`, `@blp.arguments(...)`, `@blp.response(...)`. The docstring
    of the view is its documentation.
    """

    def _store_endpoint_docs(
        self, endpoint: str, obj: Callable[..., Any], parameters: object, tags: object, **options: Any
    ) -> None:
        """Set the operationId to blueprint and function name, which generated clients use as method name."""
        super()._store_endpoint_docs(endpoint, obj, parameters, tags, **options)
        for method in options.get("methods", ("GET",)):
            about = self._docs[endpoint][method.lower()]
            about["manual_doc"] = {"operationId": f"{self.name}.{obj.__name__}", **about.get("manual_doc", {})}

    def arguments(
        self,
        schema: type[Schema],
        *,
        location: str | None = None,
        lookups: Lookups | None = None,
        **docs: object,
    ) -> Callable[[View], View]:
        """Parse the body (for a QuerySchema: the query) and pass it to the view, before the path parameters.

        If the body is invalid, `lookups` checks its valid fields, so that one response has all errors. The service of
        the view makes the same checks. Raises the errors of `Schema.read` and `read_body`.
        """
        reader = schema()
        is_query = issubclass(schema, QuerySchema)
        is_optional = docs.get("required") is False
        document = super().arguments(schema, location=location or ("query" if is_query else "json"), **docs)

        def decorate(view: View) -> View:
            @wraps(view)
            def read(*args: object, **kwargs: object) -> Any:
                given = request.args if is_query else {} if is_optional and _has_no_body() else read_body()
                data = read_with_lookups(partial(reader.read, given), lookups)
                return call_with_lookups(partial(view, *args, data, **kwargs), lookups, lambda: data)

            marked = declare_reads_query if is_query else declare_reads_body
            return cast("View", marked(_documented(read, document(view))))

        return decorate

    def merge_patch(
        self, replacement: type[Schema], shown: type[Schema], *, lookups: Lookups | None = None
    ) -> Callable[[View], View]:
        """Pass the body as a `MergePatch` to the view, before the path parameters.

        `replacement` is the schema of a PUT, `shown` the one of the response; `lookups` as in `arguments`. Raises the
        errors of `read_body`.
        """
        reader = merge_patch_reader(replacement, shown, lookups)
        document = super().arguments(patch_schema(replacement))

        def decorate(view: View) -> View:
            @wraps(view)
            def read(*args: object, **kwargs: object) -> Any:
                def call(patch: MergePatch) -> Any:
                    return call_with_lookups(partial(view, *args, patch, **kwargs), lookups, lambda: patch.values)

                return apply_patch(partial(reader, read_body()), call)

            return cast("View", declare_reads_body(_documented(read, document(view))))

        return decorate

    def response(
        self, status_code: int, schema: type[Schema] | None = None, *, shown_once: bool = False, **docs: object
    ) -> Callable[[View], View]:
        """Render what the view returns: an object for `schema`, `(object, headers)` or `(object, headers, status)`.

        A finished `Response`, such as a file, is returned unchanged.
        A POST runs once for each Idempotency-Key. `shown_once` marks a response with a secret, which is not saved for a
        replay.
        """
        writer = schema() if schema else None
        document = super().response(status_code, schema, **docs)
        tagged = {HAS_ETAG: True} if writer and "version" in writer.dump_fields else {}

        def decorate(view: View) -> View:
            @wraps(view)
            def write(*args: object, **kwargs: object) -> Response:
                if idempotency.is_requested():
                    return idempotency.run_once(partial(answer, *args, **kwargs), shown_once=shown_once)
                return answer(*args, **kwargs)

            def answer(*args: object, **kwargs: object) -> Response:
                chosen = writer.choice() if isinstance(writer, PageOut) else None
                result = view(*args, **kwargs)
                if isinstance(result, Response):
                    return result
                result, headers, status = _parts(result, status_code)
                if writer is None:
                    return _empty(status, headers)
                rendered = writer.dump(result)
                if chosen:
                    items = rendered["items"]
                    rendered["items"] = [{name: item[name] for name in chosen if name in item} for item in items]
                return _render(rendered, status, headers or {})

            return cast("View", _documented(write, self.doc(**tagged)(document(view))))

        return decorate


def _parts(result: object, status: int) -> tuple[Any, Mapping[str, str] | None, int]:
    if type(result) is not tuple:
        return result, None, status
    rendered, headers, *other = result
    return rendered, headers, other[0] if other else status


def _render(rendered: Any, status: int, headers: Mapping[str, str]) -> Response:
    body = encode_json(rendered)
    tag = etag_header(rendered, body)
    if is_not_modified(tag):
        return Response(None, HTTPStatus.NOT_MODIFIED, tag)
    applied = {"Preference-Applied": COUNT_PREFERRED} if "total_count" in rendered else {}
    return Response(body, status, {**tag, **applied, **headers}, content_type="application/json")


def _empty(status: int, headers: Mapping[str, str] | None) -> Response:
    response = Response(None, status, headers)
    del response.headers["Content-Type"]  # Flask's own guess
    return response


def _has_no_body() -> bool:
    return not request.content_length and "Transfer-Encoding" not in request.headers


def _documented(ours: Callable[..., Any], theirs: object) -> Any:
    """Return our wrapper with flask-smorest's documentation of the view."""
    ours._apidoc = theirs._apidoc  # type: ignore[attr-defined]  # noqa: SLF001
    return ours
