"""The curl commands in docs/*.md work as they are written. Those of the README run in `end_to_end/test_serve.py`."""

import re
import shlex
from collections.abc import Iterator
from textwrap import dedent
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.support.desk import Desk
from tests.support.environment import ROOT

PLACEHOLDER = re.compile(r"\bID\b")
BLOCK = re.compile(r"^([ \t]*)```(\w*)\n(.*?)^[ \t]*```[ \t]*$", re.MULTILINE | re.DOTALL)


class Command(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: str | None


def commands(text: str) -> Iterator[Command]:
    for _, language, block in BLOCK.findall(text):
        for part in re.split(r"(?m)^[ ]*\$ ", dedent(block)) if language == "console" else ():
            if part.startswith("curl "):
                yield read(shlex.split(part.replace("\\\n", " "), comments=True)[1:])


def read(words: list[str]) -> Command:
    method, url, body, headers = None, "", None, {}
    while words:
        match words.pop(0):
            case "-X":
                method = words.pop(0)
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case "-d":
                body = words.pop(0)
            case word if not word.startswith("-"):
                url = url or word
    parts = urlsplit(url.replace("$URL", "https://leads.example.com"))
    query = f"?{parts.query}" if parts.query else ""
    return Command(method or ("POST" if body else "GET"), parts.path + query, headers, body)


DOCUMENTED = [
    (file.name, command)
    for file in sorted((ROOT / "docs").glob("*.md"))
    for command in commands(file.read_text(encoding="utf-8"))
    if command.path.startswith("/api/")  # others call the demo's gateway
]
NAMES = [f"{file} {one.method} {one.path.partition('?')[0]}" for file, one in DOCUMENTED]


def test_commands_are_found():
    assert len(DOCUMENTED) >= 10


@pytest.mark.parametrize(("file", "command"), DOCUMENTED, ids=NAMES)
def test_documented_command_is_accepted(desk: Desk, file: str, command: Command):
    """The server has no network here, so a public host may be refused because it is not found."""
    headers = {**command.headers, "Authorization": f"Bearer {desk.admin.token}"}
    path = PLACEHOLDER.sub("01a20640-72fa-75c0-b9e3-0faa63389e01", command.path)
    answer = desk.client().open(path, method=command.method, headers=headers, data=command.body)
    body: Any = answer.json
    if answer.status_code == 422:
        assert all("is not found" in error["message"] for error in body["errors"]), body
    elif answer.status_code == 404:
        assert path != command.path, body
    else:
        assert answer.status_code < 300, body
