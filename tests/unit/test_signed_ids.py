"""Signed ids in links and mail addresses."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.security.signed_ids import LENGTH, InvalidSignedId, read_signed_id, sign_id

ROW = UUID("01890000-0000-7000-8000-000000000001")


@given(st.uuids())
def test_signed_id_is_read_in_any_case(row_id: UUID):
    signed = sign_id("reply", row_id)

    assert len(signed) == LENGTH
    assert signed == signed.lower()
    assert signed.isalnum()
    assert signed.isascii()
    assert read_signed_id("reply", signed.upper()) == row_id


@given(position=st.integers(0, LENGTH - 1), letter=st.sampled_from("0123456789abcdefghijklmnopqrstuv"))
def test_changed_character_makes_it_invalid(position: int, letter: str):
    signed = sign_id("reply", ROW)
    changed = signed[:position] + letter + signed[position + 1 :]

    if changed != signed:
        with pytest.raises(InvalidSignedId):
            read_signed_id("reply", changed)


@pytest.mark.parametrize("text", ["", "x", "é" * LENGTH, "0" * LENGTH, "0" * 41, "w" * LENGTH, "=" * LENGTH, "\x00"])
def test_other_text_is_invalid(text: str):
    with pytest.raises(InvalidSignedId):
        read_signed_id("reply", text)


def test_signature_is_valid_for_one_purpose_only():
    with pytest.raises(InvalidSignedId):
        read_signed_id("unsubscribe", sign_id("reply", ROW))
