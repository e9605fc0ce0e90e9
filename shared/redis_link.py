"""How every process reaches Redis: one way to connect, and no call that hangs.

An address is `redis://`, `rediss://` (TLS), or Sentinel:

    sentinel://[user:password@]host:port[,host:port…]/MASTER[/DB]

The password of a Sentinel address is the one of the master and its replicas. A call answers or fails within
`timeout_s`; a connection that the server closed meanwhile is made anew once, without waiting. Who makes
one call after the other may let a server rest that did not answer in time: for `rest_s` every call fails at once.
"""

import time
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.exceptions import ConnectionError as LinkLost
from redis.exceptions import TimeoutError as Silent
from redis.retry import Retry
from redis.sentinel import Sentinel

SENTINEL_SCHEME = "sentinel"
SENTINEL_PORT = 26379


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """Where the Sentinels are, and which master they are asked for."""

    sentinels: tuple[tuple[str, int], ...]
    master: str
    db: int = 0
    username: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> "SentinelAddress":
        """Read a `sentinel://` address; raises ValueError for one without a master or a host."""
        # by hand: newer Pythons' urlsplit knows one host, and refuses several where one is of IPv6
        scheme, _, rest = url.partition("://")
        places, _, path = rest.partition("/")
        credentials, _, hosts = places.rpartition("@")
        username, _, password = credentials.partition(":")
        master, _, db = path.strip("/").partition("/")
        if scheme != SENTINEL_SCHEME or not hosts or not master:
            raise ValueError("not a sentinel://host:port[,host:port]/MASTER address")
        sentinels = tuple(_host_and_port(host) for host in hosts.split(",") if host)
        return cls(sentinels, master, int(db or 0), unquote(username) or None, unquote(password) or None)


def connect(url: str, *, timeout_s: float = 1.0, decode: bool = True, rest_s: float = 0.0) -> "Redis":
    """Return a client of the Redis at `url`; nothing is sent before its first command.

    `timeout_s` bounds connecting and every answer; after a silence every call fails at once for `rest_s`.
    `decode=False` returns bytes. The client may be shared by threads and greenlets. Its errors are
    redis.exceptions.RedisError.
    """
    options: dict[str, Any] = {
        "socket_connect_timeout": timeout_s,
        "socket_timeout": timeout_s,
        "socket_keepalive": True,
        "decode_responses": decode,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 1, supported_errors=(LinkLost,)),
    }
    if not url.startswith(f"{SENTINEL_SCHEME}://"):
        client = cast(_Patient, _Patient.from_url(url, **options))
    else:
        client = _behind_sentinel(SentinelAddress.parse(url), options)
    client.rest = _Rest(rest_s)
    return client


class _Rest:
    """Until when a server is left alone that did not answer in time."""

    def __init__(self, rest_s: float) -> None:
        self._rest_s = rest_s
        self._until = 0.0

    def mind(self) -> None:
        if time.monotonic() < self._until:
            raise Silent("left alone for a moment: it did not answer in time")

    def begin(self) -> None:
        self._until = time.monotonic() + self._rest_s


class _Patient(Redis):
    """A client that gives its server the rest."""

    rest: _Rest

    def execute_command(self, *words: Any, **options: Any) -> Any:
        self.rest.mind()
        try:
            return super().execute_command(*words, **options)  # type: ignore[no-untyped-call]
        except Silent:
            self.rest.begin()
            raise

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "_PatientPipeline":
        made = _PatientPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        made.rest = self.rest
        return made


class _PatientPipeline(Pipeline):
    rest: _Rest

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        self.rest.mind()
        try:
            found: list[Any] = super().execute(raise_on_error)
            return found
        except Silent:
            self.rest.begin()
            raise


def _behind_sentinel(address: SentinelAddress, options: dict[str, Any]) -> "_Patient":
    asking = {name: options[name] for name in ("socket_connect_timeout", "socket_timeout", "protocol")}
    sentinel = Sentinel(address.sentinels, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    login = {"username": address.username, "password": address.password}
    client: _Patient = sentinel.master_for(  # type: ignore[no-untyped-call]
        address.master, redis_class=_Patient, db=address.db, **login, **options
    )
    return client


def _host_and_port(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    return parts.hostname or "", parts.port or SENTINEL_PORT
