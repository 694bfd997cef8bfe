"""Database sessions through PgBouncer: prepared statements, role and settings."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.api.operations.health import require_ready
from app.config import get_settings
from app.core import db
from app.core.database.row_security import restrict_to_clinic
from app.core.database.session import SETTINGS, require_safe_session, session_problems
from app.http.problems import Unavailable
from app.ops.cli import relance
from app.ops.doctor.database_checks import check_database
from app.ops.embedded import Postgres
from tests.support.desk import Caller, Desk
from tests.support.pooler import needs_direct_connections

pytestmark = pytest.mark.usefixtures("clean_database")

Pooler = Callable[..., int]
OWNER = "postgres"


@pytest.fixture
def through(configure: Callable[..., None]) -> Iterator[Callable[..., None]]:
    """Let this process use a pooler: `through(port, user=OWNER)`."""

    def use(port: int, *, user: str = "relance_web", **settings: object) -> None:
        configure(database_url=f"postgresql://{user}@127.0.0.1:{port}/relance", **settings)
        db.dispose()

    yield use
    db.dispose()


@pytest.fixture
def bare_login(postgres: Postgres) -> Iterator[None]:
    """Remove the settings of the application's login meanwhile, as in a database without `relance init --login`."""
    with postgres.connect("relance") as owner:
        owner.execute("ALTER ROLE relance_web RESET ALL")
        yield
        owner.execute("ALTER ROLE relance_web RESET ALL")


def problems() -> list[str]:
    with db.engine().connect() as connection:
        return session_problems(connection)


@pytest.mark.parametrize("drops_options", [False, True])
def test_queries_of_many_threads_share_connections_of_a_pooler(
    pooler: Pooler, through: Callable[..., None], *, drops_options: bool
) -> None:
    through(pooler(drops_options=drops_options, connections=2))

    def ask(number: int) -> int:
        with db.transaction() as session:
            return int(session.scalar(text("SELECT CAST(:number AS int) + 1"), {"number": number}) or 0)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(300))) == list(range(1, 301))


def test_clinics_stay_apart_on_shared_connections(
    pooler: Pooler, through: Callable[..., None], desk: Desk, other_desk: Desk
) -> None:
    through(pooler(connections=2))
    own = desk.capture()["id"]
    theirs = other_desk.capture(phone="+34600000001")["id"]
    callers = [(desk.admin, own, theirs), (other_desk.admin, theirs, own)] * 10

    def call(given: tuple[Caller, str, str]) -> tuple[list[str], int]:
        caller, _, foreign = given
        listed = [lead["id"] for lead in caller.get("/api/leads").body["items"]]
        return listed, caller.get(f"/api/leads/{foreign}").status

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(call, callers)) == [([mine], 404) for _, mine, _ in callers]
    with db.sessions()() as session:
        restrict_to_clinic(session, UUID(str(desk.clinic_id)))
        assert session.scalars(text("SELECT id FROM leads")).all() == [UUID(own)]  # a query without a condition
    with db.transaction() as session:  # the next transaction on that connection is not restricted
        assert session.scalar(text("SELECT current_user")) == "relance_web"
        assert session.scalar(text("SELECT count(*) FROM leads")) == 2


@needs_direct_connections
def test_direct_connections_prepare_statements(postgres: Postgres) -> None:
    with db.engine().connect() as connection:
        assert connection.connection.dbapi_connection.prepare_threshold == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(("setting", "threshold"), [("", None), ("0", None), ("7", 7)])
def test_prepare_threshold_behind_a_pooler_is_off_unless_set(
    pooler: Pooler, through: Callable[..., None], setting: str, threshold: int | None
) -> None:
    through(pooler(), **({"database_prepare_threshold": setting} if setting else {}))

    with db.engine().connect() as connection:
        assert connection.connection.dbapi_connection.prepare_threshold == threshold  # type: ignore[union-attr]


@pytest.mark.usefixtures("bare_login")
def test_lost_settings_stop_a_process_and_show_in_doctor(pooler: Pooler, through: Callable[..., None]) -> None:
    through(pooler(drops_options=True))

    assert problems() == [
        f"the session has no {name}" for name in ("idle_in_transaction_session_timeout", "lock_timeout")
    ]
    with pytest.raises(SystemExit, match="relance init --login"):
        require_safe_session(db.engine())
    with pytest.raises(Unavailable, match="no idle_in_transaction_session_timeout"):
        require_ready()
    login = next(check for check in check_database() if check.name == "login")
    assert "no lock_timeout" in login.found
    assert not login.is_fine


@pytest.mark.usefixtures("bare_login")
def test_init_stores_the_settings_with_the_login(pooler: Pooler, through: Callable[..., None]) -> None:
    result = CliRunner().invoke(relance, ["init", "--login"], catch_exceptions=False)

    assert result.exit_code == 0, result.output
    through(pooler(drops_options=True))
    assert problems() == []
    with db.engine().connect() as connection:
        used = {name: connection.scalar(text(f"SHOW {name}")) for name in SETTINGS if not name.startswith("tcp_")}
        of_login = "SELECT unnest(rolconfig) FROM pg_roles WHERE rolname = current_setting('session_authorization')"
        stored = set(connection.scalars(text(of_login)))
    assert {one.lower() for one in stored} == {f"{name}={value}".lower() for name, value in SETTINGS.items()}
    assert used == {
        "timezone": "UTC",
        "idle_in_transaction_session_timeout": "1min",
        "lock_timeout": "20s",
        "client_connection_check_interval": "1s",
        "jit": "off",
    }


@pytest.mark.parametrize("drops_options", [False, True])
def test_owner_of_the_tables_does_not_run_the_application(
    pooler: Pooler, through: Callable[..., None], *, drops_options: bool
) -> None:
    port = pooler(drops_options=drops_options)
    through(port, user=OWNER, owner_database_url=f"postgresql://{OWNER}@127.0.0.1:{port}/relance")
    assert get_settings().app_owns_tables

    with pytest.raises(SystemExit, match="runs as postgres, who owns tables"):
        require_safe_session(db.engine())


def test_owner_with_a_direct_connection_switches_to_the_application_role(
    configure: Callable[..., None], owner_database_url: str
) -> None:
    configure(database_url=owner_database_url)
    db.dispose()
    try:
        require_safe_session(db.engine())
    finally:
        db.dispose()


def test_refusals_of_the_server_are_not_taken_for_a_pooler(postgres: Postgres, configure: Callable[..., None]) -> None:
    configure(database_url=f"postgresql://relance_web@/missing?host={postgres.folder / 'data'}")
    db.dispose()
    try:
        with pytest.raises(Exception, match='database "missing" does not exist') as raised:
            db.engine().connect()
        assert isinstance(raised.value.__cause__, psycopg.OperationalError)
    finally:
        db.dispose()
