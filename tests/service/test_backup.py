"""`relance backup` and `relance restore` between two databases: content and refusals."""

import json
import os
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import psycopg
import pytest
from click.testing import CliRunner

from app.core import db
from app.errors import RelanceError
from app.ops import cli
from app.ops.backup import tools
from app.ops.backup.backup import MANIFEST
from app.ops.backup.errors import CannotBackUp, CannotRestore
from app.ops.embedded import Postgres
from tests.support.desk import Desk
from tests.support.environment import ROOT
from tests.support.keys import FIRST
from tests.support.practice import set_settings


@pytest.fixture
def file(tmp_path: Path, desk: Desk) -> Path:
    """A backup of a clinic with leads."""
    desk.capture()
    desk.capture(email="ana@lead.example")
    file = tmp_path / "relance.backup"
    relance("backup", str(file))
    return file


@pytest.fixture
def target(postgres: Postgres, configure: Callable[..., None]) -> psycopg.Connection[Any]:
    """An empty database that the settings name."""
    with closing(postgres.connect()) as owner:
        owner.execute("DROP DATABASE IF EXISTS target WITH (FORCE)")
        owner.execute("CREATE DATABASE target")
    return postgres.connect("target")


def use_target(postgres: Postgres) -> None:
    set_settings(database_url=postgres.url("target", user="relance_web"), owner_database_url=postgres.url("target"))


def relance(*arguments: str) -> Any:
    done = CliRunner().invoke(cli.relance, [*arguments, "--json"])
    if isinstance(done.exception, RelanceError):
        raise done.exception
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def forget_connections() -> None:
    """Connect to the database of the present settings from now on."""
    db.engine().dispose()
    db.dispose()


def rows(postgres: Postgres, table: str, database: str = "target") -> int:
    with closing(postgres.connect(database)) as owner:
        [(number,)] = owner.execute(f"SELECT count(*) FROM {table}").fetchall()  # type: ignore[call-overload]
        return int(number)


def test_a_backup_is_restored_with_its_rows_its_grants_and_a_hold(file: Path, postgres: Postgres, target: Any):
    target.close()
    use_target(postgres)
    relance("restore", str(file))

    assert rows(postgres, "leads") == rows(postgres, "leads", "relance") == 2
    assert rows(postgres, "holds WHERE resumed_at IS NULL AND backup_made_at IS NOT NULL") == 1
    with psycopg.connect(host=str(postgres.socket_folder), user="relance_web", dbname="target") as web:
        web.execute("SELECT set_config('role', 'relance_clinic', true)")
        assert web.execute("SELECT count(*) FROM leads").fetchall() == [(0,)]  # of no clinic


def test_a_restore_repeats_later_erasures(desk: Desk, postgres: Postgres, target: Any, tmp_path: Path):
    target.close()
    lead = desk.capture(first_name="Zanzibar", email="zanzibar@lead.example")
    twin = desk.capture(first_name="Zanzibar", email="zanzibar@lead.example")
    desk.capture(first_name="Ben", phone="(646) 555-0100", email="ben@ott.example")
    relance("backup", str(file := tmp_path / "relance.backup"))
    desk.admin.post(f"/api/leads/{lead['id']}/merge", {"lead_id": twin["id"]})
    assert desk.admin.post(f"/api/leads/{lead['id']}/erase", {"reason": "They asked."}).status == 200
    listed = CliRunner().invoke(cli.relance, ["erasures", "list"], catch_exceptions=False).stdout
    CliRunner().invoke(cli.relance, ["erasures", "list", "--to", str(erased := tmp_path / "erasures")])
    assert erased.read_text() == listed
    assert {json.loads(line)["lead_id"] for line in listed.splitlines()} == {lead["id"], twin["id"]}
    use_target(postgres)
    forget_connections()

    assert relance("restore", str(file))["erased_again"] is None
    assert rows(postgres, "leads WHERE first_name = 'Zanzibar'") == 2
    forget_connections()
    assert relance("restore", str(file), "--replace", "--erasures", str(erased))["erased_again"] == 2
    assert rows(postgres, "leads WHERE first_name = 'Zanzibar' OR sealed IS NULL AND erased_at IS NULL") == 0
    assert rows(postgres, "leads WHERE first_name = 'Ben'") == 1
    assert rows(postgres, "suppressions WHERE reason = 'erased'") == 2  # the address and the number
    assert relance("erasures", "apply", str(erased)) == {"erased_again": 0}
    assert rows(postgres, "audit_entries WHERE act = 'erase' AND operation = 'erasures.apply'") == 2
    verified = CliRunner().invoke(cli.relance, ["audit", "verify"])
    assert (verified.exit_code, "no manipulated entries found" in verified.output) == (0, True), verified.output
    forget_connections()


def test_a_wrong_list_of_erasures_is_refused_before_the_restore(
    file: Path, postgres: Postgres, target: Any, tmp_path: Path
):
    target.close()
    use_target(postgres)
    relance("restore", str(file))
    with closing(postgres.connect("target")) as owner:
        owner.execute("DELETE FROM leads WHERE id = (SELECT id FROM leads ORDER BY id LIMIT 1)")
    for content in (b"somebody\n", b"\xff\xfe", b"[1]\n"):
        (wrong := tmp_path / "erasures").write_bytes(content)
        refused = CliRunner().invoke(cli.relance, ["restore", str(file), "--replace", "--erasures", str(wrong)])
        assert (refused.exit_code != 0, type(refused.exception).__name__) == (True, "UnreadableList")
        assert rows(postgres, "leads") == 1, "nothing was restored"


def test_the_manifest_lists_the_rows_and_the_keys_that_are_not_in_the_file(file: Path):
    with ZipFile(file) as archive:
        manifest = json.loads(archive.read(MANIFEST))
    assert manifest["counts"]["leads"] == 2
    assert {entry["name"]: entry["is_needed"] for entry in manifest["keys"]} == {
        "SECRET_KEY": False,
        "BLIND_INDEX_KEY": True,
        "encryption key 0 (derived from SECRET_KEY)": True,
    }
    assert os.environ["SECRET_KEY"].encode() not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_backup_overwrites_no_file_and_leaves_none_behind(file: Path, configure: Callable[..., None]):
    before = file.read_bytes()
    with pytest.raises(CannotBackUp, match="never overwritten"):
        relance("backup", str(file))
    assert file.read_bytes() == before
    with pytest.raises(CannotBackUp, match="cannot be written"):
        relance("backup", str(file / "in a file"))
    assert [found.name for found in file.parent.iterdir()] == [file.name]


def test_a_database_in_use_or_with_content_is_not_overwritten(file: Path, postgres: Postgres, target: Any):
    use_target(postgres)
    with pytest.raises(CannotRestore, match="1 other connections"):
        relance("restore", str(file))
    target.execute("CREATE TABLE something (id integer)")
    target.close()
    with pytest.raises(CannotRestore, match="--replace"):
        relance("restore", str(file))
    assert rows(postgres, "something") == 0

    relance("restore", str(file), "--replace")
    assert rows(postgres, "leads") == 2
    relance("restore", str(file), "--replace")
    assert rows(postgres, "leads") == 2
    with pytest.raises(psycopg.errors.UndefinedTable):
        rows(postgres, "something")


def test_a_restore_waits_for_a_connection_that_is_ending(file: Path, postgres: Postgres, target: Any):
    use_target(postgres)
    ending = threading.Timer(0.5, target.close)
    ending.start()
    relance("restore", str(file))
    ending.join()
    assert rows(postgres, "leads") == 2


def test_a_restore_that_fails_changes_nothing(file: Path, postgres: Postgres, target: Any, tmp_path: Path):
    target.close()
    use_target(postgres)
    relance("restore", str(file))
    for name, change in {"counts": {"leads": 3}, "made_at": "not a time"}.items():
        other = rewritten(file, tmp_path / name, **{name: change})
        with pytest.raises((CannotRestore, ValueError, AssertionError)):
            relance("restore", str(other), "--replace")
        assert rows(postgres, "leads") == 2


def test_a_damaged_or_newer_or_foreign_file_is_refused(file: Path, postgres: Postgres, target: Any, tmp_path: Path):
    target.close()
    use_target(postgres)
    damaged = tmp_path / "damaged"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    foreign = tmp_path / "foreign"
    foreign.write_text("PGDMP")
    for other, problem in (
        (damaged, "damaged"),
        (foreign, "no readable backup"),
        (tmp_path / "missing", "no readable backup"),
        (rewritten(file, tmp_path / "newer", migration="9999"), "newer version"),
        (rewritten(file, tmp_path / "server", postgres=99), "PostgreSQL 99"),
        (rewritten(file, tmp_path / "format", format=2), "format 2"),
    ):
        with pytest.raises(CannotRestore, match=problem):
            relance("restore", str(other))
    with pytest.raises(psycopg.errors.UndefinedTable):
        rows(postgres, "leads")


def test_wrong_keys_are_refused_and_a_new_secret_is_only_a_warning(
    file: Path, postgres: Postgres, target: Any, secrets: Any
):
    target.close()
    use_target(postgres)
    other = "another secret, thirty-two characters or more"
    secrets(SECRET_KEY=other)
    with pytest.raises(CannotRestore, match="BLIND_INDEX_KEY has the fingerprint"):
        relance("restore", str(file))
    secrets()
    first = CliRunner().invoke(cli.relance, ["keys", "derived"]).stdout.strip()
    secrets(SECRET_KEY=other, ENCRYPTION_KEYS=first, BLIND_INDEX_KEY=FIRST)
    done = CliRunner().invoke(cli.relance, ["restore", str(file)])
    assert done.exit_code == 0, done.output
    assert "warning: SECRET_KEY has the fingerprint" in done.stderr


def test_missing_programs_are_said_in_one_line(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tools, "PROGRAMS", ("pg_dump_99",))
    with pytest.raises(tools.ToolsMissing, match="pg_dump, pg_restore and psql of version 18 or newer are missing"):
        relance("backup", str(file.with_name("another")))


def rewritten(file: Path, to: Path, **changes: Any) -> Path:
    """The same backup with another manifest."""
    with ZipFile(file) as source, ZipFile(to, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == MANIFEST:
                manifest = json.loads(content)
                for part, value in changes.items():
                    manifest[part] = {**manifest[part], **value} if isinstance(value, dict) else value
                content = json.dumps(manifest).encode()
            target.writestr(name, content)
    return to


@pytest.mark.usefixtures("desk")
def test_nightly_backup_deletes_old_ones_only_after_a_complete_one(tmp_path: Path):
    old, recent, other = (tmp_path / name for name in ("relance-1.backup", "relance-2.backup", "notes.txt"))
    for file, age in ((old, 20), (recent, 3), (other, 20)):
        file.touch()
        os.utime(file, times=(time.time() - age * 86_400,) * 2)
    script = [ROOT / "deploy/backup.sh", tmp_path, "14"]

    broken = {**os.environ, "OWNER_DATABASE_URL": "postgresql://127.0.0.1:1/nowhere"}
    assert subprocess.run(script, env=broken, check=False, capture_output=True).returncode != 0
    assert old.exists()

    done = subprocess.run(script, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not old.exists()
    assert recent.exists()
    assert other.exists()
    (made,) = tmp_path.glob("relance-2*Z.backup")
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
