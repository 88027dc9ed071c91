"""The environment as one frozen, validated `Settings`.

Enters: environment variables, a `.env` file in the working directory, and, where no address is set, the note that the
embedded servers leave in the data folder. Leaves: `Settings`, the same object for the whole process. Everybody calls
`get_settings()`; a test builds its own with `load_settings(environ)`.

Every variable is described in `.env.example` and `docs/settings.md`; a test holds the three together.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

PRODUCTION_BASE_URL = "https://api.retellai.com"
EMBEDDED_NOTE = "embedded.json"
"""Name of the note in the data folder that says where running embedded servers listen."""

_E164 = re.compile(r"^\+[1-9]\d{6,14}$")

Positive = Annotated[float, Field(gt=0)]


class SettingsError(ValueError):
    """A variable is missing or wrong; the message names it, the value that was given and what is allowed."""


class Settings(BaseModel):
    """One process's settings. Times may be fractions; instants are UTC; `timezone` is the waves' local zone."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    # Where things are
    mongo_uri: str | None = Field(default=None, repr=False)  # may hold a password
    mongo_db: str = "speechai"
    mongo_coll_jobs: str = "call_jobs"
    mongo_coll_logs: str = "call_logs"
    redis_url: str | None = Field(default=None, repr=False)
    data_dir: Path = Path(".data")

    # Retell
    retell_api_key: SecretStr | None = None
    retell_base_url: str = PRODUCTION_BASE_URL
    retell_agent_id: str | None = None
    retell_from_number: tuple[str, ...] = ()
    retell_concurrency: Annotated[int, Field(ge=1, le=10_000)] = 20
    retell_calls_per_second: Annotated[float, Field(gt=0, le=1000)] = 1.0
    retell_connect_timeout_seconds: Positive = 5.0
    retell_read_timeout_seconds: Positive = 30.0
    breaker_failures: Annotated[int, Field(ge=1, le=1000)] = 5
    breaker_rest_seconds: Positive = 30.0
    breaker_longest_rest_seconds: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    pace_recovery_seconds: Annotated[float, Field(gt=0, le=86_400)] = 120.0

    # Workers
    worker_count: Annotated[int, Field(ge=1, le=500)] = 8
    lease_seconds: Positive = 120.0
    dispatch_interval_seconds: Positive = 5.0
    sweep_interval_seconds: Positive = 30.0

    # Calls
    max_tries: Annotated[int, Field(ge=1, le=50)] = 3
    call_polling_interval: Annotated[float, Field(gt=0, le=90)] = 15.0
    call_max_duration_minutes: Annotated[float, Field(gt=0, le=120)] = 10.0
    retry_delay_minutes: Positive = 30.0
    no_answer_retry_minutes: Positive = 60.0
    capacity_retry_seconds: Positive = 30.0
    analysis_wait_seconds: Annotated[float, Field(ge=0)] = 60.0
    lookup_delay_seconds: Positive = 45.0
    unknown_deadline_minutes: Positive = 10.0

    # Campaigns
    timezone: str = "America/Santiago"
    country: Literal["CL", "AR"] = "CL"
    default_policy: str = "default"
    max_upload_mb: Positive = 100.0

    # Follow-ups
    follow_up_url: str | None = None
    follow_up_secret: SecretStr | None = None

    # Webhooks from Retell, and the web service that takes them
    web_address: str = "127.0.0.1"
    web_port: Annotated[int, Field(ge=0, le=65535)] = 8000
    webhook_url: str | None = Field(default=None, repr=False)  # may hold the password of a proxy
    retell_webhook_keys: tuple[SecretStr, ...] = ()
    webhook_window_seconds: Positive = 300.0

    # Watching
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"
    flower_basic_auth: SecretStr | None = None
    flower_address: str = "127.0.0.1"
    flower_port: Annotated[int, Field(ge=0, le=65535)] = 5555
    metrics_address: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 9464

    @field_validator("retell_from_number", "retell_webhook_keys", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        return tuple(part for part in re.split(r"[,;\s]+", value.strip()) if part) if isinstance(value, str) else value

    @field_validator("retell_from_number")
    @classmethod
    def _are_e164(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number in value:
            if not _E164.match(number):
                raise ValueError("one or several E.164 numbers such as +56223456789, separated by commas")
        return value

    @field_validator("mongo_uri")
    @classmethod
    def _is_mongo(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("an address such as mongodb://user:password@host:27017/?retryWrites=true")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://")):
            raise ValueError("an address such as redis://:password@host:6379/0")
        return value

    @field_validator("retell_base_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not _is_address(value):
            raise ValueError(f"an address such as {PRODUCTION_BASE_URL}")
        return value.rstrip("/")

    @field_validator("follow_up_url")
    @classmethod
    def _is_a_receiver(cls, value: str | None) -> str | None:
        if value is not None and not _is_address(value):
            raise ValueError("an address such as https://example.com/speechai/follow-ups")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _is_our_own(cls, value: str | None) -> str | None:
        if value is not None and not _is_address(value):
            raise ValueError("an address such as https://calls.example.com/webhooks/retell")
        return value

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("an IANA time zone such as America/Santiago") from None
        return value

    @field_validator("flower_basic_auth")
    @classmethod
    def _is_user_and_password(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.match(r"^[^:]+:.+$", value.get_secret_value()):
            raise ValueError("user:password")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _follow_ups_are_signed(self) -> Self:
        if self.follow_up_url is not None and self.follow_up_secret is None:
            raise ValueError("FOLLOW_UP_SECRET must be set with FOLLOW_UP_URL: the receiver knows us by the signature")
        return self

    @model_validator(mode="after")
    def _lease_outlasts_the_request(self) -> Self:
        # A lease shorter than the request would let the sweep take back a job whose POST is still on its way.
        needed = self.retell_connect_timeout_seconds + self.retell_read_timeout_seconds
        if self.lease_seconds <= needed:
            raise ValueError(f"LEASE_SECONDS must be greater than the sum of Retell's two timeouts ({needed:g})")
        return self

    @model_validator(mode="after")
    def _rests_grow(self) -> Self:
        if self.breaker_rest_seconds > self.breaker_longest_rest_seconds:
            raise ValueError("BREAKER_LONGEST_REST_SECONDS must be at least BREAKER_REST_SECONDS")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the waves (TIMEZONE)."""
        return ZoneInfo(self.timezone)

    @property
    def retell_is_production(self) -> bool:
        """True where calls would really ring: Retell's own host, whatever the path, the case or a final dot."""
        return (urlsplit(self.retell_base_url).hostname or "").lower().rstrip(".").endswith("retellai.com")

    def masked(self) -> dict[str, Any]:
        """Every setting as printable values: the last four characters of a secret, no password in an address."""
        return {name: mask(name, getattr(self, name)) for name in type(self).model_fields}


def _is_address(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


SECRETS = frozenset({"retell_api_key", "retell_webhook_keys", "flower_basic_auth", "follow_up_secret"})
ADDRESSES = frozenset({"mongo_uri", "redis_url"})


def mask(name: str, value: Any) -> Any:
    """`value` of the setting `name` as it may be printed."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None:
        return None
    if name in SECRETS and isinstance(value, tuple):
        return [mask(name, secret) for secret in value]
    if name in SECRETS:
        return f"***{value[-4:]}" if len(value) >= 12 else "***"
    if name in ADDRESSES or name == "webhook_url":
        # Up to the last @: a password may hold one, and a wrong address may lack the scheme.
        return re.sub(r"^([a-z+]*://)?.*@", r"\1***@", str(value))
    if name == "follow_up_url":
        return re.sub(r"^(https?://)(?:[^/@]*@)?([^/?#]*).*$", r"\1\2/***", str(value))  # a path may be a token
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def load_settings(environ: Mapping[str, str], *, env_file: Path | None = None) -> Settings:
    """Settings from `environ`, over those of `env_file`, over the note of running embedded servers.

    Raises:
        SettingsError: naming each wrong variable, its value (masked where secret) and what is allowed.
    """
    values: dict[str, str] = _read_env_file(env_file) if env_file else {}
    values.update(environ)
    given = {name: values[name.upper()] for name in Settings.model_fields if values.get(name.upper())}
    for name, address in _embedded_note(Path(given.get("data_dir", ".data"))).items():
        given.setdefault(name, address)
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError(_explain(error, given)) from None


def _read_env_file(path: Path) -> dict[str, str]:
    return {name: value for name, value in dotenv_values(path).items() if value} if path.is_file() else {}


def _embedded_note(data_dir: Path) -> dict[str, str]:
    """Addresses of the embedded servers that a running command has announced, {} where there are none."""
    try:
        note = json.loads((data_dir / EMBEDDED_NOTE).read_text())
    except (OSError, ValueError):
        return {}
    return {name: str(note[name]) for name in ADDRESSES if note.get(name)} if isinstance(note, dict) else {}


def _explain(error: ValidationError, given: Mapping[str, str]) -> str:
    lines = []
    for fault in error.errors():
        name = str(fault["loc"][0]) if fault["loc"] else ""
        allowed = fault["msg"].removeprefix("Value error, ")
        if name:
            lines.append(f"{name.upper()}={mask(name, given.get(name))!s} is not valid: {allowed}")
        else:
            lines.append(allowed)
    return "\n".join(["The settings are wrong (see .env.example):", *(f"  {line}" for line in lines)])


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """This process's settings, read once. Raises SettingsError."""
    return load_settings(os.environ, env_file=Path(".env"))
