"""Each error of a response points to a value of the body that was sent, or to the missing member of one."""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import reduce
from typing import Any

import pytest

from app.core.validation.json_pointer import pointer
from app.http import same_origin
from app.http.openapi.examples import operations_of
from tests.api.test_every_mistake import WRONG
from tests.support.desk import Answer, Desk
from tests.support.each_kind import ids_of_each_kind
from tests.support.environment import ROOT

pytest_plugins = ["tests.support.desk"]

DESCRIBED = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
EXAMPLES: dict[str, Any] = {
    f"{method.upper()} {path}": operation["requestBody"]["content"]["application/json"]["example"]
    for path, method, operation in operations_of(DESCRIBED)
    if "application/json" in operation.get("requestBody", {}).get("content", {})
}
OWN_PAGE = {same_origin.HEADER: "1", "Origin": "http://localhost"}
SKIPPED = {
    "POST /api/follow-up-rules/{follow_up_rule_id}/test": "The lead of the example does not exist.",
    "POST /api/gateways/{gateway_id}/events": "The signature is checked first.",
    "POST /api/inbound/{provider}/{hook_id}": "The signature is checked first.",
    "POST /api/channels/{provider}/{account_id}/events": "The signature is checked first.",
    "POST /api/public/forms/{key}/leads": "The form is looked up first.",
}
ODD_KEY = "a.b/c~d"
ODD_VALUE = {"a.b": [{}]}

ACTION = re.compile(r"(/do/\d+)/[^/]+$")  # has exactly one key: a second one is an error of the whole

Path = tuple[str | int, ...]


def resolves(body: Any, place: str) -> bool:
    """Return whether the pointer names a value of the body, or a member that an object of the body lacks."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in place.split("/")]
    value = body
    for part in parents[1:]:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False
    return isinstance(value, dict) or (isinstance(value, list) and last.isdigit() and int(last) < len(value))


def values_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the path of this value and of each value below it, with the value."""
    yield path, value
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in parts:
        yield from values_in(below, (*path, key))


def with_value(body: Any, path: Path, value: Any) -> Any:
    """Return a copy of the body with another value at the path."""
    changed = deepcopy(body)
    reduce(lambda inner, key: inner[key], path[:-1], changed)[path[-1]] = value
    return changed


def with_a_mistake(body: Any) -> Iterator[tuple[str, Any]]:
    """Yield the body with a wrong value in each place, and with an unknown key in each object; and the pointers."""
    for path, value in values_in(body):
        if path:
            yield pointer(*path), with_value(body, path, ODD_VALUE)
        if isinstance(value, dict):
            yield pointer(*path, ODD_KEY), with_value(body, (*path, ODD_KEY), 1)


def errors(answer: Answer) -> list[str]:
    """Return the pointers of a response, or of the results of a batch."""
    assert answer.status in {207, 422}, answer.body
    problems = [answer.body] if answer.status == 422 else [one.get("problem", {}) for one in answer.body["results"]]
    return [error["pointer"] for problem in problems for error in problem.get("errors", ())]


@pytest.fixture
def send(desk: Desk) -> Callable[[str, Any], list[str]]:
    """Send a body to a route, and return the pointers of all errors."""
    lost = next(stage["id"] for stage in desk.admin.every("/api/pipeline-stages") if stage["is_terminal"])
    others = {"external_id": "7", "name": "own", "user_id": desk.coordinator.id, "stage_id": lost}
    ids = {**ids_of_each_kind(desk), **others}

    def call(route: str, body: Any) -> list[str]:
        method, path = re.sub(r"{(\w+)}", lambda name: ids[name[1]], route).split(" ")
        return errors(desk.admin._send(method, path, headers={"If-Match": "*", **OWN_PAGE}, json=body))

    return call


def test_wrong_references_are_pointed_to(send: Callable[[str, Any], list[str]]):
    for route, (body, _) in WRONG.items():
        wrong = [place for place in send(route, body) if not resolves(body, place)]
        assert (route, wrong) == (route, [])


def test_each_mistake_in_a_body_is_pointed_to(send: Callable[[str, Any], list[str]]):
    for route, example in EXAMPLES.items():
        for place, body in with_a_mistake(example) if route not in SKIPPED else ():
            found = send(route, body)
            assert [one for one in found if not resolves(body, one)] == [], (route, body)
            expected = ACTION.sub(r"\1", place)
            assert any(one == expected or one.startswith(f"{expected}/") for one in found), (route, place, found)
