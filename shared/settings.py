"""What an operator may set, read once, checked as a whole.

The only module that reads the environment. A value comes from the environment, else from `.env` in the working
folder; the three addresses may come from `DATA_DIR/env` too, which `forgeline up` keeps while it runs. An empty value
is an unset one. Every fault is named at once, never the value of a secret.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic import ValidationInfo as Info
from pydantic_core import ErrorDetails

from shared import setting_rules as rules
from shared.setting_faults import Fault, SettingsError
from shared.setting_rules import (
    BaseUrl,
    CallableHosts,
    Hosts,
    JsonObject,
    NotNegative,
    Origins,
    Positive,
    PositiveOrZero,
    Seconds,
    Secret,
    Waits,
    WebUrl,
    Word,
    refuse,
)

#: The file in DATA_DIR that holds the addresses of a running `forgeline up`, and what it may name.
RUNNING_FILE = "env"
RUNNING_NAMES = ("DATABASE_URL", "REDIS_URL", "FORGE_URL")

NOBODY_SET_IT = "not set, and no `forgeline up` runs on this DATA_DIR"

#: Past it an unfinished job of one user is refused; in local mode only when the operator asks for it.
DEFAULT_JOBS_PER_USER = 20

Model = TypeVar("Model", bound=BaseModel)


class Settings(BaseModel):
    """Every setting by its lower-case name; durations (`_s`) in seconds.

    `database_url`, `redis_url` and `forge_url` are None when nothing names them: `forgeline up` then embeds that part.
    `max_jobs_per_user` is None where no cap applies. `image_store` is always a whole URL, percent-encoded.
    """

    model_config = ConfigDict(frozen=True, validate_default=True, hide_input_in_errors=True)

    auth_mode: Annotated[Literal["local", "jwt"], Word] = "local"
    local_trust_network: bool = False
    host: Annotated[str, AfterValidator(rules.listening_host)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    data_dir: Annotated[Path, AfterValidator(rules.whole_path)] = Path("./var")
    database_url: Annotated[Secret, AfterValidator(rules.postgres_url)] = None
    redis_url: Annotated[Secret, AfterValidator(rules.redis_url)] = None

    forge_url: BaseUrl | None = None
    forge_auth: Annotated[Secret, AfterValidator(rules.user_and_password)] = None
    forge_override_settings: JsonObject = Field(default_factory=dict)
    forge_timeout_s: Seconds = 180
    forge_load_timeout_s: Seconds = 600
    forge_max_s: Seconds = 3600
    forge_retry_delays_s: Waits = (1, 2, 4)
    progress_poll_s: Seconds = 1
    progress_step: Annotated[int, Field(ge=1, le=100)] = 10
    breaker_fail_max: Positive = 5
    breaker_reset_s: Seconds = 60

    stuck_after_s: Seconds = 300
    cleanup_every_s: Seconds = 60
    heartbeat_s: Seconds = 5
    lease_s: Seconds = 30
    rescue_every_s: Seconds = 10
    max_attempts: Positive = 3
    shutdown_grace_s: Seconds = 10

    queue_ttl_s: PositiveOrZero = 86400
    max_queue: Positive = 1000
    max_jobs_per_user: Positive | None = None
    sockets_per_user: Positive = 20
    socket_buffer: Positive = 256
    max_prompt_chars: Positive = 2000
    max_pixels: Annotated[int, Field(ge=64 * 64), rules.CountlessAtMost] = 4194304
    max_steps: Positive = 150
    rate_limit: Annotated[str, AfterValidator(rules.rate_limit)] = "120/minute"
    fair_share: bool = False

    image_store: str = ""
    image_retention_days: PositiveOrZero = 0
    image_retention_gb: PositiveOrZero = 0
    image_metadata: Annotated[Literal["keep", "strip"], Word] = "keep"
    previews: Annotated[Literal["auto", "on", "off"], Word] = "auto"

    api_processes: Positive = 1
    webhook_hosts: CallableHosts = ()
    webhook_secret: Annotated[Secret, AfterValidator(rules.webhook_secret)] = None
    jwt_secret: Secret = None
    jwt_public_key: Annotated[Secret, AfterValidator(rules.public_key)] = None
    jwt_jwks_url: WebUrl | None = None
    jwt_audience: str | None = None
    jwt_issuer: str | None = None
    login_url: Annotated[str | None, AfterValidator(rules.page_url)] = None
    metrics_token: Secret = None
    allowed_origins: Origins = ()
    allowed_hosts: Hosts = ()
    trusted_proxies: NotNegative = 0
    default_locale: Annotated[Literal["en", "tr"], Word] = "en"
    log_format: Annotated[Literal["text", "json"], Word] = "text"
    log_level: Annotated[Literal["debug", "info", "warning", "error", "critical"], Word] = "info"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, while_up: bool = True) -> Self:
        """Read and check every setting; raises SettingsError.

        With `while_up` the addresses nobody set are taken from `DATA_DIR/env`, if `forgeline up` left one there.
        """
        given = _given(os.environ if environ is None else environ)
        settings = _checked(cls, given)
        running = _running(settings.data_dir) if while_up else {}
        missing = {name: value for name, value in running.items() if name not in given}
        return _checked(cls, given | missing) if missing else settings

    def having(self, *addresses: str) -> Self:
        """Return these settings if every address named is set; raises SettingsError."""
        missing = [name for name in addresses if getattr(self, name.lower()) is None]
        if missing:
            raise SettingsError(Fault(name, NOBODY_SET_IT) for name in missing)
        return self

    @property
    def running_file(self) -> Path:
        """Where `forgeline up` writes the addresses in use."""
        return self.data_dir / RUNNING_FILE

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the API."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @field_validator("host")
    @classmethod
    def _local_mode_stays_home(cls, host: str, info: Info) -> str:
        exposed = info.data.get("auth_mode") == "local" and not info.data.get("local_trust_network")
        if exposed and not rules.is_loopback(host):
            raise refuse("AUTH_MODE=local is for loopback only; set AUTH_MODE=jwt, or LOCAL_TRUST_NETWORK=yes")
        return host

    @field_validator("lease_s")
    @classmethod
    def _lease_outlives_heartbeats(cls, lease: float, info: Info) -> float:
        heartbeat = info.data.get("heartbeat_s")
        if heartbeat is not None and lease <= min(2 * heartbeat, rules.FOREVER - 1):
            raise refuse(f"must be more than twice HEARTBEAT_S ({heartbeat:g})")
        return lease

    @field_validator("max_jobs_per_user")
    @classmethod
    def _cap_of_a_user(cls, cap: int | None, info: Info) -> int | None:
        local = info.data.get("auth_mode") == "local"
        return cap if cap is not None or local else DEFAULT_JOBS_PER_USER

    @field_validator("image_store")
    @classmethod
    def _image_store(cls, url: str, info: Info) -> str:
        folder = info.data.get("data_dir")
        if folder is not None and url in ("", "file://DATA_DIR/images"):
            return str((folder / "images").as_uri())
        if url and not re.match(r"file:///|s3://[\w.:-]+(?:/|$)", url):
            raise refuse("neither file:///an/absolute/folder nor s3://bucket/prefix")
        return url

    @field_validator("webhook_secret")
    @classmethod
    def _webhooks_are_signed(cls, secret: str | None, info: Info) -> str | None:
        if info.data.get("webhook_hosts") and not secret:
            raise refuse("WEBHOOK_HOSTS is set, so a signing key is needed")
        return secret

    @field_validator("jwt_jwks_url")
    @classmethod
    def _tokens_can_be_checked(cls, url: str | None, info: Info) -> str | None:
        key = url or info.data.get("jwt_secret") or info.data.get("jwt_public_key")
        if info.data.get("auth_mode") == "jwt" and not key:
            raise refuse("AUTH_MODE=jwt needs JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL")
        return url


class ClientSettings(BaseModel):
    """Where a client command finds Forgeline (None: the stack of this folder) and the token it shows."""

    model_config = ConfigDict(frozen=True)

    forgeline_url: BaseUrl | None = None
    forgeline_token: Secret = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read FORGELINE_URL and FORGELINE_TOKEN; raises SettingsError."""
        return _checked(cls, _given(os.environ if environ is None else environ))


def child_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """The environment a child process gets: ours, and `overrides` over it."""
    return dict(os.environ) | dict(overrides)


def tell_libraries(**variables: str) -> None:
    """Set what a library reads from the environment by itself, in this process and its children."""
    os.environ.update(variables)


def _checked(model: type[Model], given: Mapping[str, str]) -> Model:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise SettingsError(_fault(detail) for detail in error.errors()) from None


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    merged = {**_lines_of(Path(".env")), **environ}
    return {name.lower(): value.strip() for name, value in merged.items() if value and value.strip()}


def _running(folder: Path) -> dict[str, str]:
    values = _lines_of(folder / RUNNING_FILE)
    return {name.lower(): value for name in RUNNING_NAMES if (value := values.get(name))}


def _lines_of(file: Path) -> dict[str, str | None]:
    try:
        return dotenv_values(file, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([Fault(str(file), getattr(error, "strerror", None) or "is no text in UTF-8")]) from None


def _fault(detail: ErrorDetails) -> Fault:
    path = [str(part) for part in detail["loc"]]
    return Fault(path[0].upper(), detail["msg"])
