"""Keys that a process needs to start, to be ready, and to pass `relance doctor`."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from app.config import Settings
from app.ops import cli
from app.ops.doctor.check import Check
from app.ops.doctor.checks import run_checks
from app.security import encryption
from app.security.key_verification import require_valid_keys
from tests.service.test_cli import start_relance
from tests.support.desk import Desk
from tests.support.keys import ANOTHER, FIRST, key

pytest_plugins = ["tests.support.desk"]

ADDRESS = {"email": "ana@lead.example"}


def relance(*arguments: str) -> Any:
    return CliRunner().invoke(cli.relance, arguments)


def doctor() -> Check:
    [check] = [check for check in run_checks() if check.name == "keys"]
    return check


def assert_fits(desk: Desk) -> None:
    require_valid_keys()
    assert desk.client().get("/readyz").status_code == 200


def assert_does_not_start(desk: Desk, says: str) -> None:
    with pytest.raises(SystemExit, match=says):
        require_valid_keys()
    answer = desk.client().get("/readyz")
    assert (answer.status_code, says in answer.json["detail"]) == (503, True)
    assert answer.json["code"] == "keys-wrong"
    check = doctor()
    assert (check.is_fine, says in check.found) == (False, True)


def test_start_is_refused_with_another_blind_index_key(desk: Desk, secrets: Any):
    """With another key, no opt-out would be found."""
    assert_fits(desk)
    secrets(BLIND_INDEX_KEY=ANOTHER)
    assert_does_not_start(desk, "BLIND_INDEX_KEY")
    assert relance("keys", "rotate", "--every").exit_code == 1
    secrets(BLIND_INDEX_KEY=FIRST)
    assert_fits(desk)


def test_blind_index_key_is_changed_by_rotation_only(desk: Desk, secrets: Any):
    desk.capture(**ADDRESS)
    assert_fits(desk)
    secrets(BLIND_INDEX_KEY=ANOTHER)
    assert desk.admin.post("/api/search", {"q": ADDRESS["email"]}).body["hits"] == []
    assert relance("keys", "rotate", "--new-blind-index-key").exit_code == 0
    assert_fits(desk)
    assert len(desk.admin.post("/api/search", {"q": ADDRESS["email"]}).body["hits"]) == 1
    secrets()
    assert_does_not_start(desk, "BLIND_INDEX_KEY")


@pytest.mark.parametrize("weak", ["x", "changeme", "a" * 40])
def test_weak_blind_index_key_is_refused_in_production(monkeypatch: pytest.MonkeyPatch, weak: str):
    monkeypatch.setenv("RELANCE_ENV", "production")
    Settings()
    Settings(blind_index_key=ANOTHER)
    with pytest.raises(ValidationError, match="BLIND_INDEX_KEY must be random"):
        Settings(blind_index_key=weak)


def test_start_is_refused_without_the_key_derived_from_the_old_secret(desk: Desk, secrets: Any):
    desk.capture()
    assert_fits(desk)
    derived = relance("keys", "derived").output.strip()
    new, changed = key("k1"), {"SECRET_KEY": ANOTHER, "BLIND_INDEX_KEY": FIRST}
    secrets(ENCRYPTION_KEYS=new, **changed)
    assert_does_not_start(desk, "encrypted with another key of this name: 0 ")
    secrets(ENCRYPTION_KEYS=f"{new},{derived}", **changed)
    assert_fits(desk)


def test_start_is_refused_without_a_key_that_others_encrypt_with(desk: Desk, secrets: Any):
    assert_fits(desk)
    secrets(ENCRYPTION_KEYS=key("k1"))
    assert_fits(desk)
    secrets()
    assert_does_not_start(desk, "data is encrypted with a key that is missing here: k1")


def test_new_key_can_be_rolled_out_process_by_process(desk: Desk, secrets: Any):
    old, new = key("old"), key("new")
    secrets(ENCRYPTION_KEYS=old)
    assert_fits(desk)
    for keys in (f"{old},{new}", old, f"{old},{new}"):  # first, all processes get the new key
        secrets(ENCRYPTION_KEYS=keys)
        assert_fits(desk)
    for keys in (f"{new},{old}", f"{old},{new}", f"{new},{old}"):  # then they begin to encrypt with it
        secrets(ENCRYPTION_KEYS=keys)
        assert_fits(desk)


def test_unused_key_is_not_required(desk: Desk, secrets: Any):
    lead = desk.capture(notes="Afraid of needles.")
    assert_fits(desk)
    new, changed = key("k1"), {"SECRET_KEY": ANOTHER, "BLIND_INDEX_KEY": FIRST}
    secrets(ENCRYPTION_KEYS=new)
    assert relance("keys", "rotate").exit_code == 0
    secrets(ENCRYPTION_KEYS=new, **changed)
    assert_fits(desk)
    assert encryption.current_key_name() == "k1"
    assert desk.sql("SELECT sealed FROM leads WHERE id = :id", id=lead["id"])[0].sealed.startswith(b"k1:")
    assert doctor().found == "missing: 0"  # the audit log, which is never encrypted again


def test_retired_key_must_be_correct_if_it_is_given(desk: Desk, secrets: Any):
    old, new = key("old"), key("new")
    secrets(ENCRYPTION_KEYS=old)
    assert_fits(desk)
    secrets(ENCRYPTION_KEYS=f"{new},{old}")
    assert relance("keys", "rotate").exit_code == 0
    for keys in (f"{new},{key('old')}", key("old")):
        secrets(ENCRYPTION_KEYS=keys)
        assert_does_not_start(desk, "the data was encrypted with another key of this name: old")
    secrets(ENCRYPTION_KEYS=new)
    assert_fits(desk)


def test_retired_key_is_required_again_after_new_use(desk: Desk, secrets: Any):
    old, new = key("old"), key("new")
    secrets(ENCRYPTION_KEYS=f"{old},{new}")
    assert_fits(desk)
    secrets(ENCRYPTION_KEYS=f"{new},{old}")
    assert relance("keys", "rotate").exit_code == 0
    secrets(ENCRYPTION_KEYS=f"{old},{new}")
    assert_fits(desk)
    secrets(ENCRYPTION_KEYS=new)
    assert_does_not_start(desk, "old")


def test_key_of_unreadable_data_stays_required_after_rotation(desk: Desk, secrets: Any):
    secrets(ENCRYPTION_KEYS=key("lost"))
    lead = desk.capture()
    assert_fits(desk)
    secrets(ENCRYPTION_KEYS=key("new"))
    done = relance("keys", "rotate", "--json")
    assert (done.exit_code, json.loads(done.stdout)["unreadable leads"]) == (1, 1)
    assert_does_not_start(desk, "lost")
    assert relance("keys", "forget", "lost").exit_code == 0
    assert_fits(desk)
    assert desk.admin.get(f"/api/leads/{lead['id']}").body["code"] == "key-missing"
    assert [one["email"] for one in desk.admin.every("/api/leads")] == [None]  # other leads stay readable
    assert doctor().found == "missing: lost"


def test_lists_and_reads_are_refused_while_another_process_has_the_missing_key(desk: Desk, secrets: Any):
    """Empty fields would look as if the lead had none."""
    old, new = key("old"), key("new")
    secrets(ENCRYPTION_KEYS=old)
    kept = desk.capture(phone="+12125550100")
    secrets(ENCRYPTION_KEYS=f"{new},{old}")
    require_valid_keys()
    lead = desk.capture(**ADDRESS)
    desk.plan(lead)
    secrets(ENCRYPTION_KEYS=old)
    admin, path = desk.admin, f"/api/leads/{lead['id']}"
    answers = [
        admin.get(path),
        admin.get("/api/leads"),
        admin.get(f"{path}/duplicates"),
        admin.get("/api/followups", expand="lead"),
        admin.post("/api/search", {"q": ADDRESS["email"], "kinds": ["lead"]}),
        admin.put(path, {"notes": "Called."}),
        admin.post(f"{path}/export"),
        admin.post(f"{path}/erase", {"reason": "They asked."}),
    ]
    assert [(one.status, one.body.get("code")) for one in answers] == [(503, "key-missing")] * len(answers), answers
    assert "Set ENCRYPTION_KEYS" in answers[1].body["detail"]
    assert ("new" in answers[1].body["detail"], answers[1].headers["Retry-After"]) == (True, "60")
    assert admin.get(f"/api/leads/{kept['id']}").body["phone"] == "+12125550100"


def test_current_and_blind_index_keys_cannot_be_forgotten(desk: Desk):
    require_valid_keys()
    for name in (encryption.current_key_name(), "MARKS_KEY", "nobody"):
        assert relance("keys", "forget", name).exit_code == 1


def test_readiness_probe_writes_nothing(desk: Desk):
    require_valid_keys()
    before = desk.sql("SELECT name, xmin, xmax FROM key_checks ORDER BY name")
    assert_fits(desk)
    assert desk.sql("SELECT name, xmin, xmax FROM key_checks ORDER BY name") == before


def test_rotation_is_refused_while_an_older_version_runs(desk: Desk):
    """It writes its metrics, and does not report its keys. A process that has not written for long has ended."""
    row = "('a:7:1', 'http_in_flight', '{}', 0, now())"
    desk.sql(f"INSERT INTO counters (process, metric, labels, value, updated_at) VALUES {row}")
    refused = relance("keys", "rotate")
    assert (refused.exit_code, "web (process 7 on a): does not report its keys" in refused.stderr) == (1, True)
    desk.sql("UPDATE counters SET updated_at = now() - interval '31 seconds'")
    assert relance("keys", "rotate").exit_code == 0


def test_rotation_is_refused_without_the_broker(desk: Desk):
    refused = start_relance("keys", "rotate", BROKER_URL="redis://127.0.0.1:1")
    assert (refused.returncode, "the workers cannot be asked for their keys" in refused.stderr) == (1, True)
    assert start_relance("keys", "rotate", "--yes", BROKER_URL="redis://127.0.0.1:1").returncode == 0
