"""A token becomes an identity, or is refused; which rule it broke is for the log, never for the answer.

Checked: signature by a key of ours, `exp` to the second, `nbf` and `iat` with LEEWAY_S for clocks that differ, `aud`
and `iss` when the operator names them. A token without `exp` is taken and does not end: how long tokens live is the
issuer's decision. `sub` must be there; a number is read as its digits.
"""

from datetime import UTC, datetime
from typing import Any

import jwt

from api.auth_keys import TokenKeys
from shared.domain.errors import Unauthenticated
from shared.domain.identity import Identity, is_name
from shared.settings import Settings

LEEWAY_S = 10
MAX_TOKEN_CHARS = 8192
MAX_ROLES = 64


class TokenVerifier:
    """Checks tokens as the settings say."""

    def __init__(self, settings: Settings, keys: TokenKeys) -> None:
        self._keys = keys
        self._audience = settings.jwt_audience
        self._issuer = settings.jwt_issuer

    def identity_of(self, token: str) -> Identity:
        """Return whose token this is; raises Unauthenticated, or QueueUnavailable while the key set is out of reach."""
        claims = self._claims(token)
        expires_at = _moment(claims.get("exp"))
        if expires_at is not None and expires_at <= datetime.now(UTC):
            raise Unauthenticated("the token has expired")
        return Identity(
            user_id=_user_id(claims.get("sub")),
            username=_username(claims.get("preferred_username")),
            roles=_roles(claims.get("roles")),
            expires_at=expires_at,
        )

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_CHARS:
            raise Unauthenticated("the token is too long")
        try:
            key, algorithm = self._keys.key_for(jwt.get_unverified_header(token))
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"verify_aud": self._audience is not None, "verify_sub": False, "verify_jti": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise Unauthenticated("the token is not valid") from error


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(int(value), UTC)  # type: ignore[call-overload]  # PyJWT checked it
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise Unauthenticated("the token's end is no date") from error


def _user_id(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not is_name(text):
        raise Unauthenticated("the token names nobody")
    return text


def _username(value: object) -> str | None:
    return value if isinstance(value, str) and is_name(value) else None


def _roles(value: object) -> frozenset[str]:
    listed = value if isinstance(value, list) else []
    return frozenset(role for role in listed[:MAX_ROLES] if isinstance(role, str))
