"""PostgreSQL and Valkey from wheels: real servers, under one folder, for `make run` and for the tests."""

from app.embedded.errors import CannotStart
from app.embedded.ports import free_port, is_taken
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey

__all__ = ["CannotStart", "Postgres", "Valkey", "free_port", "is_taken"]
