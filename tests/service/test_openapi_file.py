"""docs/openapi.json says what the code does, and `relance openapi` writes it alike on every machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.ops.cli.support.http_file import as_calls
from tests.support.desk import the_app
from tests.support.environment import ROOT

COMMITTED = ROOT / "docs" / "openapi.json"
CALLS = ROOT / "docs" / "relance.http"


def relance_openapi(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """As on a machine where nothing is set, or only this."""
    return subprocess.run(
        [sys.executable, "-m", "app.ops.cli", "openapi", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_committed_description_is_what_the_application_serves() -> None:
    served = the_app().test_client().get("/openapi.json").get_json()
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == served, "write it anew with `make openapi`"


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "C", "PYTHONHASHSEED": "1"},
        {
            "PORT": "9999",
            "PUBLIC_URL": "https://leads.example",
            "BIND_ADDRESS": "192.0.2.1",
            "MAX_BODY_BYTES": "5",
            "SECRET_KEY": "short",
            "TRUSTED_PROXIES": "2",
            "PYTHONHASHSEED": "2",
        },
    ],
)
def test_it_is_written_alike_whatever_the_environment_says(tmp_path: Path, environment: dict[str, str]) -> None:
    file = tmp_path / "openapi.json"
    written = relance_openapi(file, RELANCE_HOME=str(tmp_path), **environment)

    assert (written.returncode, written.stderr) == (0, "")
    assert file.read_bytes() == COMMITTED.read_bytes()


def test_the_committed_calls_are_those_of_the_description() -> None:
    served = the_app().test_client().get("/openapi.json").get_json()
    assert CALLS.read_text(encoding="utf-8") == as_calls(served), "write it anew with `make openapi`"


def test_every_call_of_the_file_is_one_that_the_api_understands() -> None:
    """Each with an example body: no call has a mistake that the description would have told of."""
    described = json.loads(COMMITTED.read_text(encoding="utf-8"))
    operations = sum(
        len(path.keys() & {"get", "post", "put", "patch", "delete"}) for path in described["paths"].values()
    )
    calls = CALLS.read_text(encoding="utf-8").split("\n### ")[1:]
    assert len(calls) == operations
    bodies = [call.partition("\n\n")[2].strip() for call in calls if "Content-Type: application/json" in call]
    assert len(bodies) > 20
    assert all(isinstance(json.loads(body), dict) for body in bodies)


def test_a_file_that_says_something_else_is_refused_in_one_line_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    older = COMMITTED.read_text(encoding="utf-8").replace('"/api/leads"', '"/api/prospects"')
    file.write_text(older, encoding="utf-8")
    refused = relance_openapi("--check", file)

    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [f"relance: {file} is out of date: update it with `make openapi`"]
    assert file.read_text(encoding="utf-8") == older


def test_a_file_that_is_not_there_is_refused_too(tmp_path: Path) -> None:
    missing = tmp_path / "relance.http"
    refused = relance_openapi("--check", COMMITTED, "--http", missing)

    assert refused.returncode == 1
    assert str(missing) in refused.stderr
    assert not list(tmp_path.iterdir())
