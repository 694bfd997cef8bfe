"""flask-smorest's blueprint, its documentation as it is, with a leaner and stricter way in and out."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, Final, TypeVar, cast

import flask_smorest
import orjson
from flask import Response, request

from app.http import idempotency
from app.http.body.json_body import read_body
from app.http.body.unknown_parameters import mark_body, mark_query
from app.http.preconditions import TAGGED, is_known, tag_of
from app.http.schemas.paging import COUNT_PREFERRED, PageOut
from app.http.schemas.schema import QuerySchema, Schema

View = TypeVar("View", bound=Callable[..., Any])

_encode: Final = orjson.dumps


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # published without types
    """Routes that say who may call, what comes in and what goes out.

    `@blp.post("/...")`, then `@allow(...)`, `@blp.arguments(...)`, `@blp.response(...)`; the docstring documents it.
    """

    def _store_endpoint_docs(
        self, endpoint: str, obj: Callable[..., Any], parameters: Any, tags: Any, **options: Any
    ) -> None:
        """Name the operation as the code does: clients that are generated from the description call it so."""
        super()._store_endpoint_docs(endpoint, obj, parameters, tags, **options)
        for method in options.get("methods", ("GET",)):
            about = self._docs[endpoint][method.lower()]
            about["manual_doc"] = {"operationId": f"{self.name}.{obj.__name__}", **about.get("manual_doc", {})}

    def arguments(self, schema: type[Schema], *, location: str | None = None, **docs: Any) -> Callable[[View], View]:
        """Read the body (or, for a QuerySchema, the query) and hand it to the view, before the path's parts.

        Raises what `Schema.read` and `read_body` do.
        """
        reader = schema()
        is_query = issubclass(schema, QuerySchema)
        may_be_left_out = docs.get("required") is False
        document = super().arguments(schema, location=location or ("query" if is_query else "json"), **docs)

        def decorate(view: View) -> View:
            @wraps(view)
            def read(*args: Any, **kwargs: Any) -> Any:
                given = request.args if is_query else {} if may_be_left_out and _has_no_body() else read_body()
                return view(*args, reader.read(given), **kwargs)

            marked = mark_query if is_query else mark_body
            return cast("View", marked(_documented(read, document(view))))

        return decorate

    def response(
        self, status_code: int, schema: type[Schema] | None = None, *, shown_once: bool = False, **docs: Any
    ) -> Callable[[View], View]:
        """Render what the view returns: an object for `schema`, `(object, headers)` or `(object, headers, status)`.

        A POST is carried out once for each Idempotency-Key; `shown_once` says that its answer holds a secret, which is
        not kept for a second asking.
        """
        writer = schema() if schema else None
        document = super().response(status_code, schema, **docs)
        tagged = {TAGGED: True} if writer and "version" in writer.dump_fields else {}

        def decorate(view: View) -> View:
            @wraps(view)
            def write(*args: Any, **kwargs: Any) -> Response:
                if idempotency.is_asked_for():
                    return idempotency.once(partial(answer, *args, **kwargs), shown_once=shown_once)
                return answer(*args, **kwargs)

            def answer(*args: Any, **kwargs: Any) -> Response:
                chosen = writer.choice() if isinstance(writer, PageOut) else None
                result = view(*args, **kwargs)
                result, headers, status = _parts(result, status_code)
                if writer is None:
                    return _nothing(status, headers)
                shown = writer.dump(result)
                if chosen:
                    shown["items"] = [{name: item[name] for name in chosen if name in item} for item in shown["items"]]
                return _answer(shown, status, headers or {})

            return cast("View", _documented(write, self.doc(**tagged)(document(view))))

        return decorate


def _parts(result: Any, status: int) -> tuple[Any, Mapping[str, str] | None, int]:
    if type(result) is not tuple:
        return result, None, status
    shown, headers, *other = result
    return shown, headers, other[0] if other else status


def _answer(shown: Any, status: int, headers: Mapping[str, str]) -> Response:
    body = _encode(shown)
    tag = tag_of(shown, body)
    if is_known(tag):
        return Response(None, HTTPStatus.NOT_MODIFIED, tag)
    applied = {"Preference-Applied": COUNT_PREFERRED} if "total_count" in shown else {}
    return Response(body, status, {**tag, **applied, **headers}, content_type="application/json")


def _nothing(status: int, headers: Mapping[str, str] | None) -> Response:
    response = Response(None, status, headers)
    del response.headers["Content-Type"]  # Flask's own guess
    return response


def _has_no_body() -> bool:
    return not request.content_length and "Transfer-Encoding" not in request.headers


def _documented(ours: Callable[..., Any], theirs: Any) -> Any:
    """Our way of running the view with flask-smorest's words about it."""
    ours._apidoc = theirs._apidoc  # type: ignore[attr-defined]  # noqa: SLF001
    return ours
