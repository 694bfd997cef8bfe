"""Hash chain of the audit log detects changed, removed, swapped and inserted entries (security: 32)."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from app.audit.hash_chain import ChainBreak, extend_chain, verify_chain
from app.core.db import transaction
from app.ops import cli
from app.ops.embedded import Postgres
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

AT_ONCE = timedelta()


def extend() -> int:
    with transaction() as session:
        return extend_chain(session, settled=AT_ONCE)


def breaks(desk: Desk) -> list[ChainBreak]:
    with transaction() as session:
        return list(verify_chain(session, desk.clinic_id))


@pytest.fixture
def as_owner(postgres: Postgres) -> Callable[..., None]:
    """Return a function that runs statements as the owner of the database."""

    def act(desk: Desk, *statements: str) -> None:
        with postgres.connect("relance") as owner:
            owner.execute("SET session_replication_role = replica")  # no trigger
            for statement in statements:
                owner.execute(statement.replace(":clinic", f"'{desk.clinic_id}'"))

    return act


@pytest.fixture
def chained(desk: Desk) -> Desk:
    """A clinic whose audit log has three links."""
    for _ in range(3):
        for _ in range(2):
            desk.capture()
        assert extend() == 2
    return desk


def test_unchanged_log_verifies(chained: Desk):
    assert extend() == 0
    assert breaks(chained) == []


CUT = [  # the newest link, and the entries that it covers
    (
        "DELETE FROM audit_entries WHERE clinic_id = :clinic AND number > "
        "(SELECT up_to FROM audit_seals WHERE clinic_id = :clinic AND number = 2)"
    ),
    "DELETE FROM audit_seals WHERE clinic_id = :clinic AND number = 3",
]


OTHER_LINES = [{"event": "request", "path": "/audit.chain_extended"}, "audit.chain_extended"]
CUT_OFF = 'host relance[1]: {"event": "audit.chain_extended", "cli'


def test_removed_end_is_detected_by_a_backup(chained: Desk, as_owner: Callable[..., None], tmp_path: Path):
    backup = tmp_path / "backup"
    assert CliRunner().invoke(cli.relance, ["backup", str(backup)]).exit_code == 0
    assert_found(chained, as_owner, backup)


def test_backup_from_before_the_first_link_is_refused(desk: Desk, tmp_path: Path):
    backup = tmp_path / "backup"
    assert CliRunner().invoke(cli.relance, ["backup", str(backup)]).exit_code == 0
    done = CliRunner().invoke(cli.relance, ["audit", "verify", "--against", str(backup)])
    assert (done.exit_code, "from before the first one" in str(done.exception)) == (1, True)


def test_removed_end_is_detected_by_the_log(chained: Desk, as_owner: Callable[..., None], tmp_path: Path):
    log = tmp_path / "log"
    chained.capture()
    with capture_logs() as lines:
        assert extend() == 1
    log.write_text("".join(f"host relance[1]: {json.dumps(line)}\n" for line in [*lines, *OTHER_LINES]) + CUT_OFF)
    as_owner(
        chained,
        *[statement.replace("number = 3", "number = 4").replace("number = 2", "number = 3") for statement in CUT],
    )
    assert breaks(chained) == []
    found = CliRunner().invoke(cli.relance, ["audit", "verify", "--against", str(log), "--json"])
    assert (found.exit_code, [one["seal"] for one in json.loads(found.stdout)]) == (1, [4])


def assert_found(desk: Desk, as_owner: Callable[..., None], file: Path) -> None:
    """Check that the file shows the removal of the end, and that nothing else does."""
    command = ["audit", "verify", "--against", str(file), "--json"]
    assert CliRunner().invoke(cli.relance, command).exit_code == 0
    as_owner(desk, *CUT)
    assert breaks(desk) == []
    found = CliRunner().invoke(cli.relance, command)
    [one] = json.loads(found.stdout)
    assert (found.exit_code, one["seal"]) == (1, 3)
    assert "the end of the chain was removed" in one["problem"]


def test_replaced_end_is_detected(chained: Desk, as_owner: Callable[..., None], tmp_path: Path):
    """New entries after the removal get a link with the same number."""
    backup = tmp_path / "backup"
    assert CliRunner().invoke(cli.relance, ["backup", str(backup)]).exit_code == 0
    as_owner(chained, *CUT)
    chained.capture()
    assert extend() == 1
    assert breaks(chained) == []
    found = CliRunner().invoke(cli.relance, ["audit", "verify", "--against", str(backup), "--json"])
    assert [one["problem"] for one in json.loads(found.stdout)] == ["this link is not that of a log or backup"]


def test_file_without_links_is_refused(chained: Desk, tmp_path: Path):
    file = tmp_path / "other"
    file.write_text("nothing\n")
    done = CliRunner().invoke(cli.relance, ["audit", "verify", "--against", str(file)])
    assert (done.exit_code, "neither a backup nor a log" in str(done.exception)) == (1, True)


FIRST = "(SELECT min(number) FROM audit_entries WHERE clinic_id = :clinic)"
SECOND = f"(SELECT min(number) FROM audit_entries WHERE clinic_id = :clinic AND number > {FIRST})"


SWAPPED = [
    (
        "UPDATE audit_entries e SET request_id = o.request_id FROM audit_entries o"
        f" WHERE e.number IN ({FIRST}, {SECOND}) AND o.number IN ({FIRST}, {SECOND}) AND o.number <> e.number"
    )
]


@pytest.mark.parametrize(
    ("statements", "broken"),
    [
        ([f"UPDATE audit_entries SET act = 'read' WHERE number = {SECOND}"], {1}),
        ([f"UPDATE audit_entries SET at = at + interval '1 microsecond' WHERE number = {FIRST}"], {1}),
        ([f"DELETE FROM audit_entries WHERE number = {FIRST}"], {1}),
        (["DELETE FROM audit_entries WHERE clinic_id = :clinic"], {1, 2, 3}),
        (["UPDATE audit_seals SET entries = 1 WHERE clinic_id = :clinic AND number = 2"], {2}),
        (["DELETE FROM audit_seals WHERE clinic_id = :clinic AND number = 2"], {3}),
        (["DELETE FROM audit_seals WHERE clinic_id = :clinic AND number = 1"], {2, 3}),
        ([
            "UPDATE audit_seals SET seal = sha256('forged') WHERE clinic_id = :clinic AND number = 2",
        ], {2, 3}),
        (SWAPPED, {1}),
        (["UPDATE audit_changes SET sealed = 'x' WHERE entry = " + FIRST], {None}),
        (["DELETE FROM audit_changes WHERE entry = " + FIRST], {None}),
    ],
)  # fmt: skip
def test_tampering_is_detected(
    chained: Desk, as_owner: Callable[..., None], statements: list[str], broken: set[int | None]
):
    as_owner(chained, *statements)
    assert {found.seal for found in breaks(chained)} == broken


def test_inserted_entry_is_detected(chained: Desk, as_owner: Callable[..., None]):
    as_owner(
        chained,
        f"INSERT INTO audit_entries (number, clinic_id, operation, act, subject, ids, fields)"
        f" OVERRIDING SYSTEM VALUE SELECT {SECOND} - 1, clinic_id, operation, act, subject, ids, fields"
        f" FROM audit_entries WHERE number = {SECOND} AND {SECOND} - 1 > {FIRST}",
    )
    between = chained.sql(f"SELECT {SECOND} - {FIRST} AS apart", clinic=chained.clinic_id)[0].apart
    assert {found.seal for found in breaks(chained)} == ({1} if between > 1 else set())


def test_recent_entry_is_not_in_the_chain_yet(desk: Desk):
    desk.capture()
    with transaction() as session:
        assert extend_chain(session) == 0
    assert extend() == 1


def test_each_clinic_has_its_own_chain(chained: Desk, other_desk: Desk, as_owner: Callable[..., None]):
    other_desk.capture(phone="+12125550143")
    assert extend() == 1
    as_owner(other_desk, "UPDATE audit_entries SET act = 'read' WHERE clinic_id = :clinic")
    assert (len(breaks(chained)), len(breaks(other_desk))) == (0, 1)


def test_command_reports_a_broken_chain(chained: Desk, as_owner: Callable[..., None]):
    assert CliRunner().invoke(cli.relance, ["audit", "verify"]).exit_code == 0
    as_owner(chained, f"DELETE FROM audit_entries WHERE number = {FIRST}")
    told = CliRunner().invoke(cli.relance, ["audit", "verify", "--json"])
    assert told.exit_code == 1
    assert "the link covers" in told.output
