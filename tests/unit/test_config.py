"""Settings: deprecated names, and traces without their packages."""

import sys
import warnings

import pytest
from pydantic import ValidationError

from app.config import Settings
from app.ops.cli.support.error_lines import error_line

KEY = "a blind index key, thirty-two characters or more"
OTHER = "another blind index key of thirty-two characters"


def test_deprecated_marks_key_is_read_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BLIND_INDEX_KEY", raising=False)
    monkeypatch.setenv("MARKS_KEY", KEY)
    with pytest.warns(FutureWarning, match="MARKS_KEY is deprecated: rename it to BLIND_INDEX_KEY") as warned:
        settings = Settings()
    assert settings.blind_index_key.get_secret_value() == KEY
    assert len(warned) == 1


@pytest.mark.parametrize("marks_key", [None, OTHER])
def test_blind_index_key_takes_precedence_without_a_warning(
    monkeypatch: pytest.MonkeyPatch, marks_key: str | None
) -> None:
    monkeypatch.setenv("BLIND_INDEX_KEY", KEY)
    monkeypatch.delenv("MARKS_KEY", raising=False)
    if marks_key:
        monkeypatch.setenv("MARKS_KEY", marks_key)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings = Settings()
    assert settings.blind_index_key.get_secret_value() == KEY


def test_empty_blind_index_key_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIND_INDEX_KEY", "")
    monkeypatch.setenv("MARKS_KEY", KEY)
    with pytest.warns(FutureWarning):
        assert Settings().blind_index_key.get_secret_value() == KEY


def test_weak_deprecated_key_is_refused_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELANCE_ENV", "production")
    monkeypatch.setenv("SECRET_KEY", OTHER)
    monkeypatch.setenv("MARKS_KEY", "short")
    monkeypatch.delenv("BLIND_INDEX_KEY", raising=False)
    with pytest.warns(FutureWarning), pytest.raises(ValueError, match="BLIND_INDEX_KEY must be random"):
        Settings()


def test_traces_without_their_packages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    assert Settings().otel_exporter_otlp_endpoint == "http://collector:4318"
    for name in [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)
    with pytest.raises(ValueError, match=r"relance\[otel\]"):
        Settings()


NUMBERS = [name for name, field in Settings.model_fields.items() if field.annotation in {int, float, int | None}]
ADDRESSES = [name for name in Settings.model_fields if name.endswith(("_url", "_endpoint"))]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["abc", "-1", "inf", "1e999"])
def test_every_number_is_checked(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert refusal(monkeypatch, name, value).startswith(f"{name.upper()}: ")


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("value", ["example.com", "http//example.com", "http://", "ftp://example.com", "https://x:abc"])
def test_every_address_is_checked(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    if name == "smtp_url":
        pytest.skip("the mail server's settings are checked when they are used")
    assert refusal(monkeypatch, name, value).startswith(f"{name.upper()}: ")


@pytest.mark.parametrize("value", ["abc", "a:b", "a:" + "A" * 44, "0:", ","])
def test_malformed_encryption_keys_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert refusal(monkeypatch, "encryption_keys", value).startswith("ENCRYPTION_KEYS: it is a list `name:key`")


@pytest.mark.parametrize("value", ["", "Clinic", '"Clinic <hello@example.com>"', "Clinic <hello>", "a@b\r\nBcc: c@d"])
def test_sender_needs_an_address(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert refusal(monkeypatch, "mail_from", value).startswith("MAIL_FROM: it has no e-mail address")


def refusal(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    """Return the line that the operator reads for a setting."""
    monkeypatch.setenv(name.upper(), value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    line = error_line(refused.value)
    assert line
    assert "\n" not in line
    return line
