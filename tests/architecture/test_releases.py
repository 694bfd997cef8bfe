"""Releases: the API keeps what a release has, their databases can be upgraded, and the changelog names the version."""

import difflib
import json
import re
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from app.models import Base
from app.ops.embedded import Postgres
from tests.support.api_compatibility import lost
from tests.support.environment import ROOT
from tests.support.release import dump, package_version, released, write
from tests.support.servers import migrate

RELEASES: Final = released()
CHANGELOG: Final = (ROOT / "CHANGELOG.md").read_text()
LARGEST_CHANGELOG: Final = 12_000  # bytes
HEADINGS: Final = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
# Removed after a release, each named in the changelog. Add none: deprecate an operation for two releases first.
REMOVED: Final = frozenset(
    {
        "POST /api/leads/search",  # POST /api/search replaced it
        "GET /api/leads/{lead_id}/score 200 is_kept",  # every score is stored
        "GET /api/settings/lead-scores 200 is_kept",
        "PATCH /api/settings/lead-scores 200 is_kept",
        "PATCH /api/settings/lead-scores body is_kept",
        "PUT /api/settings/lead-scores 200 is_kept",
        "PUT /api/settings/lead-scores body is_kept",
    }
)


def name_of(folder: Path) -> str:
    return folder.name


@pytest.mark.parametrize("release", RELEASES, ids=name_of)
def test_api_keeps_the_operations_and_properties_of_a_release(release: Path) -> None:
    assert _lost_since(release) - REMOVED == set()


def test_each_allowed_removal_is_one() -> None:
    assert set().union(*map(_lost_since, RELEASES)) >= REMOVED


def test_comparison_finds_changes_that_break_clients() -> None:
    earlier = _described(
        {"post": _operation(body={"name": ["name"], "note": []}, answer={"id": ["id"], "owner": ["id", "name"]})},
        parameters=["q"],
    )
    assert lost(earlier, earlier) == set()

    assert lost(earlier, _described({})) == {"POST /leads"}
    later = _described(
        {"post": _operation(body={"name": ["name"], "city": ["city"]}, answer={"id": ["id"], "owner": ["id"]})},
        parameters=[],
    )
    assert lost(earlier, later) == {
        "POST /leads query q",
        "POST /leads body note",
        "POST /leads body city is required",
        "POST /leads 200 leads.owner.name",
    }


def test_comparison_allows_additions() -> None:
    earlier = _described({"post": _operation(body={"name": ["name"]}, answer={"id": ["id"]})}, parameters=[])
    later = _described(
        {"post": _operation(body={"name": [], "note": []}, answer={"id": ["id"], "owner": ["id"]}), "get": {}},
        parameters=["q"],
    )
    assert lost(earlier, later) == set()


@pytest.mark.parametrize("release", RELEASES, ids=name_of)
def test_database_of_a_release_is_upgraded_to_the_models(
    postgres: Postgres, new_database: Callable[[str], str], release: Path
) -> None:
    url = _restore(postgres, f"release_{release.name}", (release / "schema.sql").read_text())
    migrate(url)

    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    # Policies, grants, functions and triggers are those of a new database. PostgreSQL writes conditions of triggers
    # with fewer parentheses after a restore, so both are restored once more.
    upgraded, new = (
        dump(_restore(postgres, f"{of}_again_{release.name}", dump(database)))
        for of, database in (("upgraded", url), ("new", new_database("new")))
    )
    difference = difflib.unified_diff(upgraded.splitlines(), new.splitlines(), "upgraded", "new", n=0, lineterm="")
    assert "\n".join(difference) == ""


def test_schema_of_a_release_names_its_last_migration() -> None:
    for release in RELEASES:
        found = re.findall(
            r"INSERT INTO public.alembic_version VALUES \('(\d{4})'\)", (release / "schema.sql").read_text()
        )
        assert len(found) == 1, release
        assert list((ROOT / "migrations" / "versions").glob(f"{found[0]}_*.py")), found


def test_release_has_api_description_and_schema(new_database: Callable[[str], str], tmp_path: Path) -> None:
    write(tmp_path / "9.9.9", new_database("new"))
    assert sorted(file.name for file in (tmp_path / "9.9.9").iterdir()) == ["openapi.json", "schema.sql"]
    assert all({file.name for file in release.iterdir()} == {"openapi.json", "schema.sql"} for release in RELEASES)
    assert (tmp_path / "9.9.9" / "schema.sql").read_text() == dump(new_database("another"))


def test_changelog_is_short() -> None:
    assert len(CHANGELOG.encode()) <= LARGEST_CHANGELOG


def test_changelog_has_a_heading_for_each_release() -> None:
    headings = [heading for heading in HEADINGS if heading != "Unreleased"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", heading) for heading in headings)
    assert [heading.split()[0] for heading in reversed(headings)] == [release.name for release in RELEASES]


def test_newest_release_is_the_version_of_the_package() -> None:
    assert RELEASES[-1].name == package_version() == version("relance"), "run `make release`, as CONTRIBUTING.md says"


def test_changelog_names_removed_operations_and_properties() -> None:
    paths = {name.split()[1] for name in REMOVED if len(name.split()) == 2}
    properties = {name.split()[-1] for name in REMOVED if len(name.split()) > 2}
    assert {name for name in paths | properties if name not in CHANGELOG} == set()


def _lost_since(release: Path) -> set[str]:
    earlier, now = (json.loads((folder / "openapi.json").read_text()) for folder in (release, ROOT / "docs"))
    return lost(earlier, now)


def _restore(server: Postgres, name: str, script: str) -> str:
    """Create a database from SQL. Returns the URL of its owner."""
    server.prepare(name)
    with server.connect(name) as owner:
        owner.execute(script.encode())
    return server.url(name)


def _described(methods: dict[str, Any], *, parameters: Sequence[str] = ()) -> dict[str, Any]:
    """Return an API with one path. Each method has these parameters."""
    query = [{"in": "query", "name": name} for name in parameters]
    return {
        "paths": {"/leads": {method: {"responses": {}, **one, "parameters": query} for method, one in methods.items()}}
    }


def _operation(*, body: dict[str, list[str]], answer: dict[str, list[str]]) -> dict[str, Any]:
    """Return an operation that takes an object with these properties, of which those with a value are required.

    It answers a list of objects with required properties: a name, or an object with its required names.
    """
    taken = {
        "properties": {name: {} for name in body},
        "required": [name for name, required in body.items() if required],
    }
    given = {
        "properties": {
            name: {"properties": {part: {} for part in parts}, "required": parts} for name, parts in answer.items()
        },
        "required": list(answer),
    }
    page = {"properties": {"leads": {"items": {"anyOf": [given, {"type": "null"}]}}}, "required": ["leads"]}
    return {
        "requestBody": {"content": {"application/json": {"schema": taken}}},
        "responses": {"200": {"content": {"application/json": {"schema": page}}}},
    }
