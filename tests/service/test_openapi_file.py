"""docs/openapi.json matches the code, and `relance openapi` writes the same file in every environment."""

import json
import os
import subprocess
import sys
from pathlib import Path

from app.ops.cli.support.http_file import as_calls
from tests.support.desk import the_app
from tests.support.environment import ROOT
from tests.support.fork_server import run_module

COMMITTED = ROOT / "docs" / "openapi.json"
CALLS = ROOT / "docs" / "relance.http"


def check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `relance openapi --check` without any settings."""
    return run_module("app.ops.cli", "openapi", "--check", *map(str, arguments), env={"PATH": os.environ["PATH"]})


def test_committed_description_matches_the_application() -> None:
    served = the_app().test_client().get("/openapi.json").get_json()
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == served, "update it with `make openapi`"


def test_generated_file_does_not_depend_on_the_environment(tmp_path: Path) -> None:
    """The command runs in a new interpreter: hash seeds and settings at import must not change the file."""
    file = tmp_path / "openapi.json"
    environment = {
        "LANG": "C",
        "PORT": "9999",
        "PUBLIC_URL": "https://leads.example",
        "BIND_ADDRESS": "192.0.2.1",
        "MAX_BODY_BYTES": "5",
        "SECRET_KEY": "short",
        "TRUSTED_PROXIES": "2",
        "PYTHONHASHSEED": "2",
    }
    written = subprocess.run(
        [sys.executable, "-m", "app.ops.cli", "openapi", file],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "RELANCE_HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (written.returncode, written.stderr) == (0, "")
    assert file.read_bytes() == COMMITTED.read_bytes()


def test_generated_file_needs_no_settings(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    environment = {"PATH": os.environ["PATH"], "LANG": "C", "RELANCE_HOME": str(tmp_path)}
    written = run_module("app.ops.cli", "openapi", str(file), env=environment)

    assert (written.returncode, written.stderr) == (0, "")
    assert file.read_bytes() == COMMITTED.read_bytes()


def test_committed_http_file_matches_the_description() -> None:
    served = the_app().test_client().get("/openapi.json").get_json()
    assert CALLS.read_text(encoding="utf-8") == as_calls(served), "update it with `make openapi`"


def test_http_file_has_a_valid_request_for_each_operation() -> None:
    described = json.loads(COMMITTED.read_text(encoding="utf-8"))
    operations = sum(
        len(path.keys() & {"get", "post", "put", "patch", "delete"}) for path in described["paths"].values()
    )
    calls = CALLS.read_text(encoding="utf-8").split("\n### ")[1:]
    assert len(calls) == operations
    bodies = [call.partition("\n\n")[2].strip() for call in calls if "Content-Type: application/json" in call]
    assert len(bodies) > 20
    assert all(isinstance(json.loads(body), dict) for body in bodies)


def test_check_refuses_an_outdated_file_and_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    older = COMMITTED.read_text(encoding="utf-8").replace('"/api/leads"', '"/api/prospects"')
    file.write_text(older, encoding="utf-8")
    refused = check(file)

    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [f"relance: {file} is out of date: update it with `make openapi`"]
    assert file.read_text(encoding="utf-8") == older


def test_check_refuses_a_missing_file(tmp_path: Path) -> None:
    missing = tmp_path / "relance.http"
    refused = check(COMMITTED, "--http", missing)

    assert refused.returncode == 1
    assert str(missing) in refused.stderr
    assert not list(tmp_path.iterdir())
