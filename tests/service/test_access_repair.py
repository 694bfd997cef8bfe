"""Roles, grants and policies that a restored dump lacks are named and made again."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from app import create_app
from app.ops.doctor.checks import run_checks
from app.ops.embedded import Postgres
from app.ops.stack.access import repair_access
from tests.support.desk import Desk
from tests.support.environment import this_process, this_run
from tests.support.servers import TEMPLATE

# Everything that decides who may see what, in a stable order.
GRANTS = """
SELECT c.relname, c.relrowsecurity, a.grantee::regrole::text, a.privilege_type
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'public'::regnamespace AND a.grantee <> c.relowner ORDER BY 1, 3, 4
"""
POLICIES = "SELECT tablename, policyname, roles::text, qual, coalesce(with_check, qual) FROM pg_policies ORDER BY 1, 2"
FUNCTIONS = """
SELECT p.proname, a.grantee::regrole::text FROM pg_proc p, aclexplode(p.proacl) a
WHERE p.pronamespace = 'public'::regnamespace AND a.grantee <> p.proowner ORDER BY 1, 2
"""
MEMBERS = """
SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members
WHERE roleid::regrole::text LIKE 'relance%' ORDER BY 1, 2
"""
CLINIC = """
INSERT INTO clinics (id, name, slug, timezone, region, business_hours, closed_dates, stale_after_days, rules_version,
  created_at)
VALUES (gen_random_uuid(), 'North', 'north', 'UTC', 'US', '{}', '{}', 14, 1, now())
"""
STATE: Any = (GRANTS, POLICIES, FUNCTIONS, MEMBERS)


@pytest.fixture(scope="module")
def other_server(postgres: Postgres) -> Iterator[Postgres]:
    """A server of its own with a migrated database: its roles can be dropped."""
    server = Postgres(this_process() / "other", fast=True)
    subprocess.run(["cp", "-a", str(this_run() / "migrated"), str(server.folder)], check=True)
    server.start()
    yield server
    server.stop()


def state(server: Postgres) -> list[list[Any]]:
    with closing(server.connect(TEMPLATE)) as owner:
        return [owner.execute(query).fetchall() for query in STATE]


@pytest.mark.parametrize(
    "loss",
    [
        "DROP OWNED BY relance_clinic; DROP ROLE relance_clinic",
        "DROP OWNED BY relance_clinic, relance_app; DROP ROLE relance_clinic; DROP ROLE relance_app",
        "REVOKE relance_clinic FROM relance_app; REVOKE relance_app FROM relance_web",
        "DROP POLICY own_clinic ON audit_changes; DROP POLICY own_clinic ON sign_ins; DROP POLICY everything ON leads",
        "ALTER TABLE leads DISABLE ROW LEVEL SECURITY; ALTER TABLE audit_entries DISABLE ROW LEVEL SECURITY",
        "REVOKE INSERT ON audit_entries FROM relance_app, relance_clinic; REVOKE ALL ON leads FROM relance_app",
        "REVOKE ALL ON FUNCTION leads_tagged FROM relance_app, relance_clinic",
        "REVOKE USAGE ON SCHEMA public FROM relance_app, relance_clinic, PUBLIC",
    ],
    ids=lambda loss: loss[:40],
)
def test_repair_restores_the_state_that_the_migrations_made(
    other_server: Postgres, configure: Callable[..., None], loss: str
):
    before = state(other_server)
    configure(
        owner_database_url=other_server.url(TEMPLATE), database_url=other_server.url(TEMPLATE, user="relance_web")
    )
    assert repair_access() == []
    with closing(other_server.connect(TEMPLATE)) as owner:
        owner.execute(loss)  # type: ignore[call-overload]
    assert state(other_server) != before or "SCHEMA" in loss

    assert repair_access()
    assert state(other_server) == before
    assert repair_access() == []


def test_a_database_that_was_restored_without_its_roles_is_held(other_server: Postgres, configure: Callable[..., None]):
    with closing(other_server.connect(TEMPLATE)) as owner:
        owner.execute(CLINIC)
        owner.execute("DROP OWNED BY relance_clinic; DROP ROLE relance_clinic")
    configure(
        owner_database_url=other_server.url(TEMPLATE), database_url=other_server.url(TEMPLATE, user="relance_web")
    )
    assert repair_access() == ["the role relance_clinic is missing"]
    with closing(other_server.connect(TEMPLATE)) as owner:
        owner.execute("DELETE FROM clinics")
        held = owner.execute("DELETE FROM holds WHERE resumed_at IS NULL RETURNING because").fetchall()
    assert ["restored" in because for (because,) in held] == [True]


def test_a_login_without_the_right_to_repair_names_the_missing_grants(
    other_server: Postgres, configure: Callable[..., None]
):
    with closing(other_server.connect(TEMPLATE)) as owner:
        owner.execute("REVOKE relance_clinic FROM relance_app")
    web = other_server.url(TEMPLATE, user="relance_web")
    configure(owner_database_url=web, database_url=web)
    with pytest.raises(Exception, match="relance_app is not a member of relance_clinic; this login may not repair it"):
        repair_access()
    configure(owner_database_url=other_server.url(TEMPLATE))
    assert repair_access() == ["relance_app is not a member of relance_clinic"]


@pytest.mark.parametrize(
    ("loss", "problem"),
    [
        ("REVOKE relance_clinic FROM relance_app", "relance_app is not a member of relance_clinic"),
        ("REVOKE SELECT ON leads FROM relance_clinic", "relance_clinic lacks SELECT on leads"),
        ("REVOKE relance_app FROM relance_web", "relance_web is not a member of relance_app"),
    ],
)
def test_an_incomplete_database_is_not_ready_and_doctor_advises_relance_init(
    desk: Desk, postgres: Postgres, loss: str, problem: str
):
    probe = create_app().test_client()
    with closing(postgres.connect("relance")) as owner:
        owner.execute(loss)  # type: ignore[call-overload]
    try:
        answer = probe.get("/readyz")
        found = [check for check in run_checks() if not check.is_fine]
    finally:
        repair_access()

    assert answer.status_code == 503
    assert problem in answer.json["detail"]
    assert "relance init" in answer.json["detail"]
    assert any("relance init" in check.advice or problem in check.found for check in found)
    assert probe.get("/readyz").status_code == 200
    assert desk.admin.get("/api/leads").status == 200


def test_nothing_is_missing_after_the_migrations(postgres: Postgres):
    assert repair_access() == []
