"""Alembic migrations: named NNNN_what, expand before contract."""
