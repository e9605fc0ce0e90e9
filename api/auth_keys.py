"""Which key may prove which token: one per algorithm, chosen by us and never by the token.

    HS256          JWT_SECRET
    RS256, ES256   JWT_PUBLIC_KEY when it is of that kind, else the key set at JWT_JWKS_URL

A public key is never tried as a secret, and `none` is no algorithm here. A key set is kept for five minutes; while its
address does not answer, or not in JSON, the last good one serves on for an hour, and the address is asked at most every
ten seconds.
"""

import time
import warnings
from collections.abc import Callable
from json import JSONDecodeError
from typing import Any

import jwt
from jwt.warnings import InsecureKeyLengthWarning

from shared.domain.errors import QueueUnavailable, Unauthenticated
from shared.logs import get_logger
from shared.public_key import read_public_key
from shared.setting_rules import SHORT_SECRET, is_short
from shared.settings import Settings

log = get_logger(__name__)

SECRET_ALGORITHM = "HS256"  # noqa: S105 - the name of an algorithm
KEY_ALGORITHMS = ("RS256", "ES256")

KEY_SET_LIFESPAN_S = 300
KEY_SET_TIMEOUT_S = 3
KEY_SET_OUTAGE_S = 3600
RETRY_AFTER_S = 10


class TokenKeys:
    """Finds the key for a token's header."""

    def __init__(self, settings: Settings, *, now: Callable[[], float] = time.monotonic) -> None:
        self._secret = settings.jwt_secret
        if self._secret and is_short(self._secret):
            log.warning(SHORT_SECRET, bytes=len(self._secret.encode()))
            warnings.filterwarnings("ignore", category=InsecureKeyLengthWarning)  # the same at the first token
        self._public_key = read_public_key(settings.jwt_public_key) if settings.jwt_public_key else None
        self._key_set = KeySet(settings.jwt_jwks_url, now=now) if settings.jwt_jwks_url else None

    def key_for(self, header: dict[str, Any]) -> tuple[Any, str]:
        """Return the key and its algorithm for a token with this (unverified) header; raises Unauthenticated."""
        algorithm = header.get("alg")
        if algorithm == SECRET_ALGORITHM and self._secret:
            return self._secret, SECRET_ALGORITHM
        if self._public_key and algorithm == self._public_key.algorithm:
            return self._public_key.key, self._public_key.algorithm
        if self._key_set and algorithm in KEY_ALGORITHMS:
            return self._key_set.key_for(header.get("kid"), algorithm), algorithm
        raise Unauthenticated("no key for this algorithm")


class KeySet:
    """The keys at an address, cached; what is remembered outlives an outage of that address."""

    def __init__(self, url: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self._client = jwt.PyJWKClient(url, lifespan=KEY_SET_LIFESPAN_S, timeout=KEY_SET_TIMEOUT_S)
        self._now = now
        self._remembered: dict[str, tuple[float, jwt.PyJWK]] = {}
        self._unreachable_until = 0.0

    def key_for(self, key_id: object, algorithm: str) -> jwt.PyJWK:
        """Return the key with this id if it is one for `algorithm`.

        Raises Unauthenticated when there is none, QueueUnavailable when nobody can tell.
        """
        if not isinstance(key_id, str):
            raise Unauthenticated("the token names no key")
        key = self._lookup(key_id)
        if key.algorithm_name != algorithm:
            raise Unauthenticated("the key is of another algorithm")
        return key

    def _lookup(self, key_id: str) -> jwt.PyJWK:
        if self._now() < self._unreachable_until:
            return self._recall(key_id)
        try:
            key = self._client.get_signing_key(key_id)
        except (jwt.PyJWKClientConnectionError, OSError, JSONDecodeError, UnicodeDecodeError):
            self._unreachable_until = self._now() + RETRY_AFTER_S
            return self._recall(key_id)
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthenticated("no such key") from error
        self._remembered[key_id] = (self._now(), key)
        return key

    def _recall(self, key_id: str) -> jwt.PyJWK:
        seen_at, key = self._remembered.get(key_id, (0.0, None))
        if key is None or self._now() - seen_at > KEY_SET_OUTAGE_S:
            raise QueueUnavailable("the key set cannot be reached", retry_after_s=RETRY_AFTER_S)
        return key
