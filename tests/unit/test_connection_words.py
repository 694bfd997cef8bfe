"""Refusals of a connection are logged in the words of the server or pooler."""

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from tests.support.refusing import refusing_postgres_server
from workers.error_text import describe_error

WORDS = 'unsupported startup parameter in options: "role"'


def test_refusal_of_a_pooler_is_described_in_its_words() -> None:
    with refusing_postgres_server(WORDS) as port, pytest.raises(psycopg.OperationalError) as refusal:
        psycopg.connect(host="127.0.0.1", port=port, user="u", password="hidden-word", dbname="d")

    described = describe_error(OperationalError("SELECT 1", {}, refusal.value))

    assert WORDS in described
    assert "hidden-word" not in described
