"""Settings, read from the environment once. Production refuses to start on missing or default secrets."""

from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SHORTEST_SECRET = 32
FEWEST_CHARACTERS = 8  # different ones: "aaaa…" is long, and no secret
KNOWN_DEFAULTS = frozenset({"changeme", "change-me", "secret", "relance", "password", "admin"})


class Environment(StrEnum):
    PRODUCTION = "production"
    DEMO = "demo"  # secrets are generated, a clinic is seeded
    TEST = "test"


class Settings(BaseSettings):
    """Every setting by the name of its environment variable. Durations are in seconds."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    relance_env: Environment = Environment.PRODUCTION
    relance_home: Path = Path(".relance")
    secret_key: SecretStr = SecretStr("")
    encryption_keys: SecretStr = SecretStr("")  # `new:BASE64,old:BASE64`; else one that follows from SECRET_KEY

    marks_key: SecretStr = SecretStr("")  # that addresses and numbers are marked and suppressed with; else SECRET_KEY

    database_url: SecretStr = SecretStr("")
    owner_database_url: SecretStr = SecretStr("")
    broker_url: SecretStr = SecretStr("")
    database_pool: int = Field(default=5, ge=1)  # connections kept per process; as many again in a rush

    port: int = 8000
    public_url: str = ""
    password_page_url: str = ""  # of a frontend's own; else ours. The link's token comes behind a #
    trusted_proxies: int = Field(default=0, ge=0)  # how many in front are believed about client, scheme and host
    flower_port: int = 5555
    log_level: str = "INFO"
    log_format: str = "json"

    smtp_url: SecretStr = SecretStr("")
    smtp_timeout: float = 10  # per network wait; well under the lease
    mail_from: str = "Relance <no-reply@relance.invalid>"

    outgoing_ports: Annotated[frozenset[int], NoDecode] = frozenset({443, 8443})  # that URLs of clinics may name
    outgoing_allow: Annotated[frozenset[str], NoDecode] = frozenset()  # private places: `host:port`, or `10.0.0.0/8`
    outgoing_timeout: float = Field(default=15, gt=0)  # for all of a call; half the soft time limit at most

    horizon_seconds: int = 120  # how far ahead steps are published
    republish_after_seconds: int = 30  # a published step this late is published again
    lease_seconds: int = 90  # how long a `running` step may stay silent; above the hard time limit
    batch_size: int = Field(default=100, ge=1, le=100)  # step ids in a message, and in a claim
    drain_seconds: float = 5  # how long one message may go on claiming due neighbours
    publish_cap: int = 20_000  # steps of one kind that may be published and not yet run
    soft_time_limit: int = 30
    hard_time_limit: int = 45
    visibility_timeout: int = 600
    retry_base_seconds: float = 15  # the first wait after a failed try; doubled with each, jittered
    retry_cap_seconds: float = 3600
    keep_finished_days: int = 90
    access_token_minutes: int = 15
    refresh_token_days: int = 14
    rate_limit_per_minute: int = Field(default=100, ge=0)  # calls of one user or API key; 0: as many as they like
    form_posts_per_minute: int = Field(default=20, ge=0)  # web forms from one address; 0: as many as they like
    max_form_bytes: int = 64_000
    max_body_bytes: int = 1_000_000
    max_import_bytes: int = 20_000_000

    @field_validator("database_url", "owner_database_url")
    @classmethod
    def _names_the_driver(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        for short in ("postgres://", "postgresql://"):
            if text.startswith(short):
                text = "postgresql+psycopg://" + text.removeprefix(short)
        return SecretStr(text)

    @field_validator("outgoing_ports", "outgoing_allow", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        return [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given

    @field_validator("outgoing_allow")
    @classmethod
    def _names_places(cls, places: frozenset[str]) -> frozenset[str]:
        for place in places:
            if not place.rpartition(":")[2].isdecimal() or "/" in place:
                ip_network(place)  # raises ValueError, which names it
        return frozenset(map(str.lower, places))

    @model_validator(mode="after")
    def _can_be_trusted(self) -> Self:
        missing = [name for name in ("secret_key", "database_url", "broker_url") if not self._secret(name)]
        if missing:
            raise ValueError(f"set {', '.join(name.upper() for name in missing)}")
        if self.relance_env is Environment.PRODUCTION:
            self._refuse_weak_secrets()
        self._keep_the_order_of_times()
        return self

    def _refuse_weak_secrets(self) -> None:
        for name in ("secret_key", "marks_key"):
            if (key := self._secret(name)) and _is_weak(key):
                raise ValueError(f"{name.upper()} must be random and at least {SHORTEST_SECRET} characters")

    def _keep_the_order_of_times(self) -> None:
        """A lease must outlive the task it guards, and the broker must not redeliver what is only waiting."""
        if not self.soft_time_limit < self.hard_time_limit < self.lease_seconds < self.visibility_timeout:
            raise ValueError("SOFT_TIME_LIMIT < HARD_TIME_LIMIT < LEASE_SECONDS < VISIBILITY_TIMEOUT must hold")
        if self.horizon_seconds + self.hard_time_limit >= self.visibility_timeout:
            raise ValueError("HORIZON_SECONDS + HARD_TIME_LIMIT must stay below VISIBILITY_TIMEOUT")

    def _secret(self, name: str) -> str:
        value: SecretStr = getattr(self, name)
        return value.get_secret_value()

    @property
    def own_url(self) -> str:
        """Where people reach the API."""
        return self.public_url.rstrip("/") or f"http://127.0.0.1:{self.port}"

    @property
    def owner_url(self) -> str:
        """Who migrates: the owner of the tables."""
        return self._secret("owner_database_url") or self._secret("database_url")

    @property
    def app_owns_tables(self) -> bool:
        """One login for both: the application then steps down to the role `relance_app` on connecting."""
        return self.owner_url == self._secret("database_url")


def _is_weak(key: str) -> bool:
    return len(key) < SHORTEST_SECRET or key.lower() in KNOWN_DEFAULTS or len(set(key)) < FEWEST_CHARACTERS


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings()
