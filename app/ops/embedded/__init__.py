"""Embedded PostgreSQL and Valkey from wheels, in one folder: for `make run` and for the tests."""

from app.ops.embedded.errors import CannotStart, WrongSetting
from app.ops.embedded.health import Health
from app.ops.embedded.ports import free_port, is_taken
from app.ops.embedded.postgres import Postgres
from app.ops.embedded.valkey import Valkey

__all__ = ["CannotStart", "Health", "Postgres", "Valkey", "WrongSetting", "free_port", "is_taken"]
