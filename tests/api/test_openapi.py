"""OpenAPI description: valid, complete, and shown without external resources."""

import json
import re
import warnings
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient

from app import create_app
from app.http.openapi.openapi import spec
from tests.support.desk import the_app

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return spec(the_app())


@pytest.fixture
def client() -> FlaskClient:
    return the_app().test_client()


def operations(described: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_description_is_valid_openapi_3_1(described: dict[str, Any]):
    assert described["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(described).validate()


def test_every_route_is_described(described: dict[str, Any]):
    hidden = {"/", "/docs", "/docs/<name>", "/openapi.json", "/account/password", "/account/password/<name>"}  # pages
    hidden |= {"/preferences/<token>", "/preferences/style.css", "/unsubscribe/<token>", "/t/o/<token>", "/t/c/<token>"}
    hidden |= {rule.rule for rule in the_app().url_map.iter_rules() if rule.endpoint.startswith("console.")}
    routes = {
        f"{method} {_as_openapi(rule.rule)}"
        for rule in the_app().url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule not in hidden
    }
    assert routes == {name for name, _ in operations(described)}


def _as_openapi(rule: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


def test_every_operation_has_a_summary_and_its_errors(described: dict[str, Any]):
    for name, operation in operations(described):
        assert operation["summary"].endswith((".", "?")), name
        assert operation["description"], name
        assert operation["tags"], name
        assert "default" in operation["responses"], name
        assert [status for status in operation["responses"] if status.startswith("2")], name
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= set(operation["responses"]), name
        if "{" in name:
            assert "404" in operation["responses"], name


def test_every_operation_names_its_permission(described: dict[str, Any]):
    for name, operation in operations(described):
        if operation["security"]:
            assert operation["security"] == [{"access_token": []}, {"api_key": []}], name
            assert "401" in operation["responses"], name
        if permission := operation.get("x-permission"):
            assert "403" in operation["responses"], name
            assert f"`{permission}`" in operation["description"], name


def test_operations_on_a_lead_say_that_it_may_be_merged(described: dict[str, Any]):
    of_lead = {"lead_id", "opportunity_id"}
    for name, operation in operations(described):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        schema = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        fields = described["components"]["schemas"].get(schema, {}).get("properties", {})
        if of_lead & {*re.findall(r"{(\w+)}", name), *fields}:
            assert "410" in operation["responses"], name


def test_operation_ids_are_unique(described: dict[str, Any]):
    names = [operation["operationId"] for _, operation in operations(described)]
    assert len(names) == len(set(names))


def test_errors_are_described_as_problems(described: dict[str, Any]):
    for name, response in described["components"]["responses"].items():
        assert response["content"] == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }, name


def test_schema_names_are_unique():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spec(create_app())


def test_description_is_served(client: FlaskClient, described: dict[str, Any]):
    answer = client.get("/openapi.json")
    assert answer.content_type == "application/json"
    assert json.loads(answer.data) == json.loads(json.dumps(described))


def test_page_loads_local_files_only(client: FlaskClient):
    page = client.get("/docs").get_data(as_text=True)
    linked = re.findall(r'(?:src|href|spec-url)="([^"]+)"', page)
    assert {client.get(path).status_code for path in linked} == {200}
    assert not [path for path in linked if not path.startswith("/")]
    assert "http://" not in page
    assert "https://" not in page


def test_page_lists_summaries_with_leads_first_and_accounts_last(client: FlaskClient, described: dict[str, Any]):
    assert 'use-path-in-nav-bar="false"' in client.get("/docs").get_data(as_text=True)
    tags = [tag["name"] for tag in described["tags"]]
    accounts = {"auth", "api-keys", "me", "users", "teams", "roles"} & set(tags)
    assert tags[0] == "leads"
    assert accounts <= set(tags[-len(accounts) - 1 :])


def test_content_security_policy_forbids_external_resources(client: FlaskClient):
    header = client.get("/docs").headers["Content-Security-Policy"]
    policy = dict(part.strip().split(" ", 1) for part in header.split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"


@pytest.mark.parametrize("name", ["unknown.js", "docs.html", "..%2Fopenapi.py", "%2e%2e/openapi.py"])
def test_only_files_of_the_page_are_served(client: FlaskClient, name: str):
    assert client.get(f"/docs/{name}").status_code == 404


def test_license_of_third_party_files_is_served(client: FlaskClient):
    assert "MIT License" in client.get("/docs/LICENSE.txt").get_data(as_text=True)


def test_stream_is_described_as_events_and_long_addresses_as_414(described: dict[str, Any]):
    answers = described["paths"]["/api/stream"]["get"]["responses"]
    reference = answers["200"]["content"]["text/event-stream"]["schema"]["$ref"]
    event = described["components"]["schemas"][reference.rpartition("/")[2]]
    assert "lead.changed" in event["properties"]["event"]["enum"]
    assert [name for name, operation in operations(described) if "414" not in operation["responses"]] == []
