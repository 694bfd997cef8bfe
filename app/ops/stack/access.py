"""Repair of the database's roles, privileges and policies, by the owner of the tables."""

from collections.abc import Iterator

from sqlalchemy import Connection, create_engine, make_url, pool, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from app import models as _models  # noqa: F401  (registers all tables)
from app.config import get_settings
from app.core.database.row_security import ROLE as CLINIC_ROLE
from app.core.database_roles import (
    FUNCTIONS,
    access_problems,
    missing_grants,
    missing_memberships,
    missing_policies,
    missing_roles,
    open_tables,
    policy,
)
from app.core.db import APP_ROLE, Base
from app.engine.steps.holds import hold
from app.ops.embedded import CannotStart

_HAS_CLINICS = text("SELECT EXISTS (SELECT FROM clinics)")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('relance access'))")
_BOTH = f"{APP_ROLE}, {CLINIC_ROLE}"


def repair_access() -> list[str]:
    """Create missing roles, memberships, privileges and policies. Returns what was missing, in words.

    A database with clinics and without its roles comes from another server, so it is held, as after `relance restore`.
    Raises CannotStart (when the login may not repair them), with what an administrator must run.
    """
    engine = create_engine(get_settings().owner_url, poolclass=pool.NullPool)
    with engine.begin() as connection:
        login, tables = application_login(), Base.metadata.tables.keys()
        found = access_problems(connection, tables, login=login)
        if found:
            connection.execute(_LOCK)
            is_restored = bool(missing_roles(connection)) and bool(connection.scalar(_HAS_CLINICS))
            try:
                _repair(connection, login)
            except ProgrammingError as error:
                raise CannotStart(f"{found[0]}; this login may not repair it ({error.orig})") from None
            if is_restored:
                hold(
                    Session(connection),
                    "a dump was restored without its roles: see what is due before anything is sent",
                )
        return found


def create_roles(connection: Connection) -> None:
    """Create the two roles and the membership, where they are missing. They belong to the whole server."""
    for role in missing_roles(connection):
        connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
    if (APP_ROLE, CLINIC_ROLE) in missing_memberships(connection):
        connection.execute(text(f"GRANT {CLINIC_ROLE} TO {APP_ROLE}"))


def application_login() -> str | None:
    """Return the user in DATABASE_URL; None if it is the owner of the tables."""
    settings = get_settings()
    return None if settings.app_owns_tables else make_url(settings.database_url.get_secret_value()).username


def _repair(connection: Connection, login: str | None) -> None:
    create_roles(connection)
    for member, role in missing_memberships(connection, login):
        connection.execute(text(f'GRANT {role} TO "{member}"'))
    for statement in _statements(connection):
        connection.execute(text(statement))


def _statements(connection: Connection) -> Iterator[str]:
    """Yield the repairs of this database. Both roles exist."""
    tables = Base.metadata.tables.keys()
    yield f"GRANT USAGE ON SCHEMA public TO {_BOTH}"
    for grant in missing_grants(connection, tables):
        yield f"GRANT {grant.privilege} ON {grant.name} TO {grant.role}"
    for table, name in missing_policies(connection, tables):
        yield policy(table, name)
    for table in open_tables(connection, tables):
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    for name in connection.scalars(_PRESENT, {"names": list(FUNCTIONS)}).all():
        yield f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC"
        yield f"GRANT EXECUTE ON FUNCTION {name} TO {_BOTH}"


_PRESENT = text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = ANY(:names)")
