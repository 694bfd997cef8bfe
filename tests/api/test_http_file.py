"""docs/relance.http: every request works on a running API, in the order of the file."""

import json
import re
from functools import reduce
from typing import Any

from app.api.request_bodies import request_name
from app.identity.password_policy import hash_password
from app.ops.cli.support.http_requests import NEEDS_MORE
from tests.support.desk import Desk
from tests.support.environment import ROOT

pytest_plugins = ["tests.support.desk"]

PASSWORD = "four yellow bicycles"
CALLS = (ROOT / "docs" / "relance.http").read_text(encoding="utf-8").split("\n### ")[1:]


class Request:
    """A request of the file, as editors read it."""

    def __init__(self, text: str) -> None:
        head, _, self.body = text.strip().partition("\n\n")
        lines = [line for line in head.splitlines()[1:] if line and not line.startswith("#")]
        self.name = re.findall(r"# @name (\w+)", head)[0]
        self.method, self.url = lines[0].split(" ", 1)
        self.headers = dict(line.split(": ", 1) for line in lines[1:])


def value_of(answers: dict[str, Any], path: str) -> str:
    """Resolve `name.response.body.$.items[0].id`."""
    name, _, inside = path.partition(".response.body.$.")
    parts = re.findall(r"\w+", inside)
    found = reduce(lambda value, part: value[int(part)] if part.isdigit() else value[part], parts, answers[name])
    return str(found)


def fill(text: str, answers: dict[str, Any], variables: dict[str, str]) -> str:
    def read(found: re.Match[str]) -> str:
        name = found[1]
        return variables[name] if name in variables else value_of(answers, name)

    return re.sub(r"\{\{([\w.$\[\]]+)\}\}", read, text)


def test_every_request_of_the_file_succeeds(desk: Desk):
    [admin] = desk.sql("SELECT email FROM users WHERE id = :id", id=desk.admin.id)
    desk.sql("UPDATE users SET password_hash = :hash WHERE id = :id", hash=hash_password(PASSWORD), id=desk.admin.id)
    variables = {"host": "", "email": admin.email, "password": PASSWORD, "gateway": "http://127.0.0.1:9/"}
    answers: dict[str, Any] = {}
    failed = []
    client = desk.client()
    for request in map(Request, CALLS):
        if "log_in" in answers:
            variables["token"] = answers["log_in"]["access_token"]
        try:
            url, body = (fill(text, answers, variables) for text in (request.url, request.body))
        except (KeyError, IndexError, TypeError) as error:
            failed.append((request.name, "reference", repr(error)))
            continue
        headers = {name: fill(text, answers, variables) for name, text in request.headers.items()}
        answer = client.open(url, method=request.method, headers=headers, data=body.encode() or None)
        if answer.is_json:
            answers[request.name] = answer.get_json()
        if answer.status_code >= 400:
            failed.append((request.name, answer.status_code, json.dumps(answer.get_json())[-300:]))
    more = {request_name(operation) for operation in NEEDS_MORE}
    assert [failure for failure in failed if failure[0] not in more] == []
    assert {name for name, *_ in failed} == more
