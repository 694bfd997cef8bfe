"""The migrations make exactly the tables that the models describe."""

from collections.abc import Callable

import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from app.models import Base


def test_migrations_match_the_models(new_database: Callable[[], str]) -> None:
    engine = sqlalchemy.create_engine(new_database(), poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Base.metadata)

    assert differences == []
