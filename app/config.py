"""Settings from environment variables. In production the process does not start with missing or default secrets."""

import logging
import warnings
from base64 import b64decode
from collections.abc import Mapping
from email.utils import parseaddr
from enum import StrEnum
from functools import lru_cache
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

SHORTEST_SECRET = 32
KEY_BYTES = 32  # of an encryption key
FEWEST_CHARACTERS = 8  # distinct ones; "aaaa…" is long, but not a secret
BROKER_SCHEMES = ("redis", "rediss", "sentinel", "amqp", "amqps")
AMQP_SCHEMES = ("amqp", "amqps")
COUNTER_SCHEMES = ("redis://", "rediss://", "unix://")
KNOWN_DEFAULTS = frozenset({"changeme", "change-me", "secret", "relance", "password", "admin"})


class InvalidKeys(ValueError):
    """ENCRYPTION_KEYS is malformed."""


class Environment(StrEnum):
    PRODUCTION = "production"
    DEMO = "demo"  # secrets are generated, and a demo clinic is created
    TEST = "test"


class Settings(BaseSettings):
    """All settings. Each name is the environment variable in lower case. Durations are in seconds."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    relance_env: Environment = Environment.PRODUCTION
    relance_home: Path = Path(".relance")
    secret_key: SecretStr = SecretStr("")
    encryption_keys: SecretStr = SecretStr("")  # `new:BASE64,old:BASE64`; default: derived from SECRET_KEY
    blind_index_key: SecretStr = SecretStr("")  # for blind indexes and the suppression list; default: SECRET_KEY
    other_blind_index_keys: SecretStr = SecretStr("")  # `KEY,KEY`: rows are also found by these, and none is written
    marks_key: SecretStr = SecretStr("")  # deprecated name of BLIND_INDEX_KEY

    database_url: SecretStr = SecretStr("")
    owner_database_url: SecretStr = SecretStr("")
    replica_database_url: SecretStr = SecretStr("")  # streaming replica for reports and exports; default: none
    broker_url: SecretStr = SecretStr("")
    broker_queue_type: Literal["classic", "quorum"] = "classic"  # quorum: RabbitMQ keeps each queue on several nodes
    sentinel_master: str = Field(default="mymaster", min_length=1)  # name of the master, with BROKER_URL=sentinel://...
    sentinel_password: SecretStr = SecretStr("")  # of the Sentinels themselves; the master's is in BROKER_URL
    counters_url: SecretStr = SecretStr("")  # Valkey or Redis for rate counters; default: the broker, else PostgreSQL
    database_pool: int = Field(default=5, ge=1)  # a process opens up to twice as many connections
    # Executions of a query before the server prepares it; 0: never. Default: 2, and never behind a pooler.
    database_prepare_threshold: int | None = Field(default=None, ge=0)

    min_free_disk_mb: int = Field(default=100, ge=0)  # below it `/readyz` is 503; 0: no check

    stream_socket: str = ""  # Unix socket between API and live updates; default: stream.sock in RELANCE_HOME

    port: int = Field(default=8000, ge=1, le=65535)
    public_url: str = ""
    tracking_url: str = ""  # start of tracked links in e-mails; default: PUBLIC_URL
    password_page_url: str = ""  # own page for choosing a password; default: the built-in one. The token follows a #
    trusted_proxies: int = Field(default=0, ge=0)  # number of proxies whose X-Forwarded-* headers are trusted
    flower_port: int = Field(default=5555, ge=1, le=65535)
    log_level: str = "INFO"
    log_format: Literal["json", "console"] = "json"
    otel_exporter_otlp_endpoint: str = ""  # base URL of an OpenTelemetry collector; empty: no traces

    smtp_url: SecretStr = SecretStr("")
    smtp_timeout: float = Field(default=10, gt=0)  # per network wait; must be well below the lease
    webhook_disable_after_days: int = Field(default=5, ge=1)  # a webhook endpoint that fails for so long is disabled
    channel_probe_seconds: float = Field(default=60, gt=0)  # between two probes of a channel or gateway that is down
    mail_from: str = "Relance <no-reply@relance.invalid>"

    inbound_mailboxes: int = Field(default=100, ge=1)  # most mailboxes of a process `inbound`, each with a thread

    microsoft_login_url: str = "https://login.microsoftonline.com"  # tokens for mail servers of Microsoft 365
    twilio_api_url: str = "https://api.twilio.com"  # base URL, also of a region
    whatsapp_api_url: str = "https://graph.facebook.com/v23.0"  # base URL with the version

    outgoing_ports: Annotated[frozenset[int], NoDecode] = frozenset({443, 8443})  # allowed ports in URLs of clinics
    outgoing_allow: Annotated[frozenset[str], NoDecode] = frozenset()  # private targets: `host:port`, `10.0.0.0/8`
    outgoing_timeout: float = Field(default=15, gt=0)  # total time of a call; at most half the soft time limit

    horizon_seconds: int = Field(default=120, ge=1)  # steps due within this time are published
    republish_after_seconds: int = Field(default=30, ge=1)  # a published step that is this late is published again
    lease_seconds: int = Field(
        default=90, ge=1
    )  # a `running` step counts as lost after this time; above the hard time limit
    batch_size: int = Field(default=100, ge=1, le=100)  # step ids per message and per claim
    drain_seconds: float = Field(default=5, ge=0)  # how long one message may claim further due steps
    publish_cap: int = Field(default=20_000, ge=1)  # most steps of one kind that are published but not yet run
    soft_time_limit: int = Field(default=30, ge=1)
    hard_time_limit: int = Field(default=45, ge=1)
    visibility_timeout: int = Field(default=600, ge=1)
    retry_base_seconds: float = Field(
        default=15, ge=0
    )  # first wait after a failed attempt; doubles each time, with jitter
    retry_cap_seconds: float = Field(default=3600, ge=0)
    keep_finished_days: int = Field(default=90, ge=0)
    raw_email_days: int = Field(default=30, ge=0)  # raw text and attachments of mail that arrived
    access_token_minutes: int = Field(default=15, ge=1)
    refresh_token_days: int = Field(default=14, ge=1)
    idle_timeout_minutes: int = Field(default=15, ge=0)  # sign-ins of users who see health data; 0: none
    rate_limit_per_minute: int = Field(default=600, ge=0)  # calls per user or API key; 0: unlimited
    form_posts_per_minute: int = Field(default=20, ge=0)  # web forms per IP address; 0: unlimited
    form_posts_per_form: int = Field(default=300, ge=0)  # submissions of one web form per minute; 0: unlimited
    max_form_bytes: int = Field(default=64_000, ge=1)
    max_body_bytes: int = Field(default=1_000_000, ge=1)
    max_import_bytes: int = Field(default=20_000_000, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _read_deprecated_names(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Read MARKS_KEY where BLIND_INDEX_KEY is not set, with a warning (shown once per process)."""
        if given.get("marks_key") and not given.get("blind_index_key"):
            warnings.warn("MARKS_KEY is deprecated: rename it to BLIND_INDEX_KEY", FutureWarning, stacklevel=2)
            return {**given, "blind_index_key": given["marks_key"]}
        return given

    @field_validator("encryption_keys")
    @classmethod
    def _check_encryption_keys(cls, keys: SecretStr) -> SecretStr:
        if text := keys.get_secret_value():
            parse_keys(text)
        return keys

    @field_validator(
        *("public_url", "tracking_url", "password_page_url", "otel_exporter_otlp_endpoint"),
        *("microsoft_login_url", "twilio_api_url", "whatsapp_api_url"),
    )
    @classmethod
    def _check_web_address(cls, url: str) -> str:
        if url and not (url.startswith(("http://", "https://")) and _has_valid_port(url) and urlsplit(url).hostname):
            raise ValueError(
                "it is no address of the web: use https://host or https://host:port, with the path if it has one"
            )
        return url

    @field_validator("mail_from")
    @classmethod
    def _check_sender(cls, sender: str) -> str:
        name, at, domain = parseaddr(sender)[1].partition("@")
        if not (name and at and domain) or not sender.isprintable() or set('<>" ') & {*name, *domain}:
            raise ValueError("it has no e-mail address: use name@example.com or Name <name@example.com>")
        return sender

    @field_validator("database_url", "owner_database_url", "replica_database_url")
    @classmethod
    def _add_driver(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        for short in ("postgres://", "postgresql://"):
            if text.startswith(short):
                text = "postgresql+psycopg://" + text.removeprefix(short)
        _check_database_url(text)
        return SecretStr(text)

    @field_validator("counters_url")
    @classmethod
    def _check_counters_url(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if text and not (text.startswith(COUNTER_SCHEMES) and _has_valid_port(text)):
            raise ValueError("use redis://:password@host:port/0, rediss:// or unix://, or leave it empty")
        return url

    @field_validator("broker_url")
    @classmethod
    def _check_broker_url(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        scheme, separator, _ = text.partition("://")
        if text and not (separator and scheme in BROKER_SCHEMES):
            raise ValueError(
                f"{_scheme_problem(scheme, separator)}: use redis://, rediss://, sentinel://, amqp:// or amqps://"
            )
        addresses = text.split(";")
        if scheme == "sentinel" and not all(one.startswith("sentinel://") for one in addresses):
            raise ValueError("each address of the list begins with sentinel://; the client library ignores others")
        if scheme in AMQP_SCHEMES and not all(one.partition("://")[0] in AMQP_SCHEMES for one in addresses):
            raise ValueError("each address of the list begins with amqp:// or amqps://")
        if not all(map(_has_valid_port, addresses)):
            raise ValueError("its port is not a number from 0 to 65535; write @ : / in a password as %40 %3A %2F")
        return url

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _check_traces(cls, url: str) -> str:
        if url:
            try:
                find_spec("opentelemetry.exporter.otlp.proto.http")
            except ModuleNotFoundError:
                raise ValueError("traces need the packages of relance[otel]: see requirements/otel.txt") from None
        return url

    @field_validator("log_level")
    @classmethod
    def _check_log_level(cls, level: str) -> str:
        if level.upper() not in logging.getLevelNamesMapping():
            raise ValueError("it is not a level: use DEBUG, INFO, WARNING or ERROR")
        return level

    @field_validator("outgoing_ports", "outgoing_allow", mode="before")
    @classmethod
    def _split_list(cls, given: object) -> object:
        return [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given

    @field_validator("outgoing_allow")
    @classmethod
    def _check_targets(cls, places: frozenset[str]) -> frozenset[str]:
        for place in places:
            if not place.rpartition(":")[2].isdecimal() or "/" in place:
                ip_network(place)  # raises ValueError, which names the value
        return frozenset(map(str.lower, places))

    @model_validator(mode="after")
    def _check(self) -> Self:
        missing = [name for name in ("secret_key", "database_url", "broker_url") if not self._secret(name)]
        if missing:
            raise ValueError(f"set {', '.join(name.upper() for name in missing)}")
        if self.uses_quorum_queues and self._secret("broker_url").partition("://")[0] not in AMQP_SCHEMES:
            raise ValueError("BROKER_QUEUE_TYPE=quorum needs RabbitMQ: set BROKER_URL to an address with amqp://")
        if self.relance_env is Environment.PRODUCTION:
            self._refuse_weak_secrets()
        self._require_order_of_times()
        return self

    def _refuse_weak_secrets(self) -> None:
        for name in ("secret_key", "blind_index_key"):
            if (key := self._secret(name)) and _is_weak(key):
                raise ValueError(f"{name.upper()} must be random and at least {SHORTEST_SECRET} characters")
        if any(map(_is_weak, self.other_blind_index_secrets)):
            raise ValueError(
                f"OTHER_BLIND_INDEX_KEYS is a list of random keys of at least {SHORTEST_SECRET} characters"
            )

    def _require_order_of_times(self) -> None:
        """A lease must outlive its task, and the broker must not redeliver messages that only wait."""
        if not self.soft_time_limit < self.hard_time_limit < self.lease_seconds < self.visibility_timeout:
            raise ValueError("SOFT_TIME_LIMIT < HARD_TIME_LIMIT < LEASE_SECONDS < VISIBILITY_TIMEOUT must hold")
        if self.horizon_seconds + self.hard_time_limit >= self.visibility_timeout:
            raise ValueError("HORIZON_SECONDS + HARD_TIME_LIMIT must stay below VISIBILITY_TIMEOUT")

    def _secret(self, name: str) -> str:
        value: SecretStr = getattr(self, name)
        return value.get_secret_value()

    @property
    def other_blind_index_secrets(self) -> list[str]:
        """Return the keys of OTHER_BLIND_INDEX_KEYS."""
        return [key.strip() for key in self._secret("other_blind_index_keys").split(",") if key.strip()]

    @property
    def own_url(self) -> str:
        """Return the public URL of the API, without a slash at the end."""
        return self.public_url.rstrip("/") or f"http://127.0.0.1:{self.port}"

    @property
    def owner_url(self) -> str:
        """Return the database URL of the table owner, who runs the migrations."""
        return self._secret("owner_database_url") or self._secret("database_url")

    @property
    def counter_store(self) -> str:
        """Return the URL of the store of rate counters; empty if PostgreSQL counts."""
        urls = (self._secret("counters_url"), self._secret("broker_url"))
        return next((url for url in urls if url.startswith(COUNTER_SCHEMES)), "")

    @property
    def uses_quorum_queues(self) -> bool:
        """Whether the queues in RabbitMQ are quorum queues."""
        return self.broker_queue_type == "quorum"

    @property
    def app_owns_tables(self) -> bool:
        """Whether the application logs in as the table owner. It then switches to the role `relance_app`."""
        return self.owner_url == self._secret("database_url")


def parse_keys(text: str) -> Mapping[str, bytes]:
    """Parse `new:BASE64,old:BASE64` into keys by name, the current one first. Raises InvalidKeys."""
    keys: dict[str, bytes] = {}
    for entry in text.split(","):
        name, colon, encoded = entry.strip().partition(":")
        try:
            key = b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not (name.isalnum() and name.isascii() and colon) or name in keys or len(key) != KEY_BYTES:
            raise InvalidKeys("it is a list `name:key`, each key 32 bytes in base64, each name once")
        keys[name] = key
    return keys


def _check_database_url(text: str) -> None:
    """Check that SQLAlchemy can read the URL. No message contains the URL, because it has the password."""
    scheme, separator, _ = text.partition("://")
    if text and not (separator and scheme == "postgresql+psycopg"):
        raise ValueError(f"{_scheme_problem(scheme, separator)}: use postgresql://user:password@host:port/name")
    try:
        make_url(text or "postgresql+psycopg://")
    except (ArgumentError, ValueError):
        raise ValueError(
            "it cannot be read: use postgresql://user:password@host:port/name, with @ : / in a password as %40 %3A %2F"
        ) from None


def _has_valid_port(url: str) -> bool:
    try:
        urlsplit(url).port  # noqa: B018  (raises)
    except ValueError:
        return False
    return True


def _scheme_problem(scheme: str, separator: str) -> str:
    return f'the scheme "{scheme}" is unknown' if separator else "it has no scheme"


def _is_weak(key: str) -> bool:
    return len(key) < SHORTEST_SECRET or key.lower() in KNOWN_DEFAULTS or len(set(key)) < FEWEST_CHARACTERS


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process, read once. Raises ValidationError."""
    return Settings()
