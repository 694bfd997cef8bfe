"""Alembic entry point. Migrations run as the owner of the tables; the application never does."""

from alembic import context
from sqlalchemy import create_engine, pool

from app.config import get_settings
from app.models import Base


def run() -> None:
    """Run the migrations in one transaction on a separate connection."""
    engine = create_engine(get_settings().owner_url, poolclass=pool.NullPool, connect_args={"prepare_threshold": None})
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()


run()
