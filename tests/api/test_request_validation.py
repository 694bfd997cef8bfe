"""Validation of requests before any service is called."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support.desk import Answer, Desk, the_app

pytest_plugins = ["tests.support.desk"]

SOURCE = {"name": "Poster", "category": "PRINT_AD"}
Send = Callable[..., Answer]


@pytest.fixture
def send(desk: Desk) -> Send:
    """Return a function that posts bytes as the admin: `send(b"{}", content_type="text/plain")`."""

    def send(body: bytes, content_type: str = "application/json") -> Answer:
        client, token = desk.admin.client, desk.admin.token
        answer = client.post(
            "/api/lead-sources",
            data=body,
            content_type=content_type,
            headers={"Authorization": f"Bearer {token}"},
        )
        return Answer(answer.status_code, json.loads(answer.data), answer.headers)

    return send


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b'{"name": "a"} {"name": "b"}', "Extra data"),
        (b'{"name": "a", "name": "b"}', "more than once"),
        (b'{"name": NaN}', "NaN is not valid JSON"),
        (b'{"name": -Infinity}', "-Infinity is not valid JSON"),
        (b'{"name": 1e400}', "too large"),
        (b'{"name": ' + b"9" * 5000 + b"}", "too large"),
        (b'{"name": 9223372036854775808}', "too large"),
        (b'{"name": [-9223372036854775809]}', "too large"),
        (b"[" * 200_000, "Nested too deeply"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "Nested too deeply"),
        (b'{"name": "\xff"}', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "Expecting value"),
        ('{"name": "é"}'.encode("utf-16"), "not UTF-8"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_invalid_json_is_400_with_a_reason(send: Send, body: bytes, why: str):
    answer = send(body)
    assert (answer.status, answer.body["code"]) == (400, "malformed")
    assert why in answer.body["detail"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_other_content_type_is_415(send: Send, content_type: str):
    answer = send(json.dumps(SOURCE).encode(), content_type)
    assert (answer.status, answer.body["code"]) == (415, "unsupported-media-type")


def test_json_charset_may_be_given(send: Send):
    assert send(json.dumps(SOURCE).encode(), "application/json; charset=utf-8").status == 201


def test_body_above_one_megabyte_is_413(send: Send):
    assert send(json.dumps({**SOURCE, "description": "x" * 1_000_000}).encode()).status == 413


@pytest.mark.parametrize("escaped", [r"\u0000", r"\ud800", r"\udc00x"])
def test_nul_and_lone_surrogates_are_refused(send: Send, escaped: str):
    assert send(f'{{"name": "a{escaped}", "category": "OTHER"}}'.encode()).pointers == ["/name"]


TEXT_PARAMETER = re.compile(r"<(?!\w+:)\w+>")
WITH_TEXT = sorted(
    (method, re.sub(r"<uuid:\w+>", str(UUID(int=7)), rule.rule))
    for rule in the_app().url_map.iter_rules()
    if TEXT_PARAMETER.search(rule.rule)
    for method in rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}
)


@pytest.mark.parametrize(("method", "path"), WITH_TEXT)
def test_nul_in_a_path_is_404(desk: Desk, method: str, path: str):
    headers = {"Authorization": f"Bearer {desk.admin.token}"}
    answer = desk.admin.client.open(TEXT_PARAMETER.sub("a%00", path), method=method, headers=headers, json={})
    assert answer.status_code == 404


def test_surrogate_pair_is_accepted(send: Send):
    assert send(rb'{"name": "\ud83e\uddb7", "category": "OTHER"}').body["name"] == "\N{TOOTH}"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ([], [""]),
        ("text", [""]),
        (None, [""]),
        ({}, ["/category", "/name"]),
        ({**SOURCE, "name": 5}, ["/name"]),
        ({**SOURCE, "name": True}, ["/name"]),
        ({**SOURCE, "name": None}, ["/name"]),
        ({**SOURCE, "name": ["Poster"]}, ["/name"]),
        ({**SOURCE, "name": "  "}, ["/name"]),
        ({**SOURCE, "name": "x" * 101}, ["/name"]),
        ({**SOURCE, "name": "two\nlines"}, ["/name"]),
        ({**SOURCE, "category": "print_ad"}, ["/category"]),
        ({**SOURCE, "category": {"$ne": None}}, ["/category"]),
        ({**SOURCE, "is_active": "true"}, ["/is_active"]),
        ({**SOURCE, "is_active": 1}, ["/is_active"]),
        ({**SOURCE, "monthly_cost": 12.5}, ["/monthly_cost"]),
        ({**SOURCE, "monthly_cost": "-1"}, ["/monthly_cost"]),
        ({**SOURCE, "monthly_cost": "1e5"}, ["/monthly_cost"]),
        ({**SOURCE, "monthly_cost": "1.005"}, ["/monthly_cost"]),
        ({**SOURCE, "nmae": "Poster", "a/b~c": 1}, ["/a~1b~0c", "/nmae"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_every_error_has_its_path_and_nothing_is_coerced(send: Send, body: Any, pointers: list[str]):
    answer = send(json.dumps(body).encode())
    assert (answer.status, answer.body["code"]) == (422, "invalid")
    assert answer.pointers == pointers


@pytest.mark.parametrize(
    "field", ["id", "clinic_id", "created_at", "updated_at", "created_by", "version", "role", "status"]
)
def test_read_only_fields_are_refused(desk: Desk, field: str):
    assert f"/{field}" in desk.admin.post("/api/lead-sources", {**SOURCE, field: str(uuid4())}).pointers
    assert f"/{field}" in desk.admin.post("/api/leads", desk.lead_data(**{field: str(uuid4())})).pointers


def test_route_without_parameters_refuses_them(desk: Desk):
    lead = desk.capture()
    assert desk.admin.get(f"/api/leads/{lead['id']}", expand="tasks").pointers == ["/expand"]
    assert desk.admin._send("POST", "/api/lead-sources?dry_run=1", json=SOURCE).pointers == ["/dry_run"]
    assert desk.admin.get("/api/me", **{"a/b": 1}).pointers == ["/a~1b"]


def test_route_without_a_body_accepts_only_an_empty_object(desk: Desk):
    assert desk.admin.post("/api/auth/logout", {"everywhere": True}).pointers == [""]
    assert desk.admin._send("POST", "/api/auth/logout", data=b"x", content_type="text/plain").status == 415
    assert desk.admin.post("/api/auth/logout", {}).status == 204


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("limit=ten", ["/limit"]),
        ("limit=0", ["/limit"]),
        ("limit=-1", ["/limit"]),
        ("limit=1.5", ["/limit"]),
        ("limit=99999999999999999999", ["/limit"]),
        ("limit=", ["/limit"]),
        ("limit=1&limit=2", ["/limit"]),
        ("offset=10", ["/offset"]),
        ("is_active=1", ["/is_active"]),
        ("category=other", ["/category"]),
        ("cursor=%00", ["/cursor"]),
        ("cursor=rubbish", ["/cursor"]),
        ("cursor=" + "A" * 1001, ["/cursor"]),
        ("cursor=%F0%9F%A6%B7", ["/cursor"]),
    ],
)
def test_query_parameters_are_validated_strictly(desk: Desk, query: str, pointers: list[str]):
    answer = desk.admin._send("GET", "/api/lead-sources", query_string=query)
    assert answer.pointers == pointers
