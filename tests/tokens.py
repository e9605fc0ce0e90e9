"""Tokens for tests: good ones, and every forgery the door must know."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SECRET = "a-secret-of-tests-that-is-long-enough-0123456789"
AUDIENCE, ISSUER = "forgeline", "https://sign-in.example"


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """An RSA key for the whole run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """A P-256 key for the whole run."""
    return ec.generate_private_key(ec.SECP256R1())


def pem_of(key: PrivateKeyTypes) -> str:
    """Return the public half as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def claims(user: object = "alice", *, ends_in_s: float | None = 600, **more: object) -> dict[str, Any]:
    """Return a token's content; `ends_in_s=None` leaves `exp` out."""
    ends = {} if ends_in_s is None else {"exp": datetime.now(UTC) + timedelta(seconds=ends_in_s)}
    return {"sub": user, **ends, **more}


def token(user: object = "alice", *, secret: str = SECRET, ends_in_s: float | None = 600, **more: object) -> str:
    """Return an HS256 token."""
    return jwt.encode(claims(user, ends_in_s=ends_in_s, **more), secret, algorithm="HS256")


def bearer(user: object = "alice", **more: Any) -> dict[str, str]:
    """Return the headers that carry a user's token."""
    return {"Authorization": f"Bearer {token(user, **more)}"}


def raw(header: dict[str, Any], content: dict[str, Any], key: bytes = b"") -> str:
    """Return a token put together by hand, signed with HMAC-SHA256 by `key`, unsigned without."""
    signed = b".".join(_encode(json.dumps(part, default=_seconds).encode()) for part in (header, content))
    signature = hmac.new(key, signed, hashlib.sha256).digest() if key else b""
    return (signed + b"." + _encode(signature)).decode()


def forgeries() -> dict[str, str]:
    """Return tokens none of which may be taken where SECRET, AUDIENCE and ISSUER are asked for."""
    return _badly_signed({"aud": AUDIENCE, "iss": ISSUER}) | _badly_claimed({"aud": AUDIENCE, "iss": ISSUER})


def _badly_signed(good: dict[str, Any]) -> dict[str, str]:
    sound = token(**good)
    head, body, signature = sound.split(".")
    return {
        "none": raw({"alg": "none", "typ": "JWT"}, claims(**good)),
        "None": raw({"alg": "None"}, claims(**good)),
        "no algorithm": raw({"typ": "JWT"}, claims(**good)),
        "signature cut off": f"{head}.{body}.",
        "signature changed": f"{head}.{body}.{signature[::-1]}",
        "content changed": f"{head}.{_encode(json.dumps({'sub': 'root'}).encode()).decode()}.{signature}",
        "wrong key": token(secret="another-secret-that-is-long-enough-0123456789", **good),
        "empty key": raw({"alg": "HS256"}, claims(**good), b"\0"),
        "HS512": jwt.encode(claims(**good), SECRET * 2, algorithm="HS512"),
        "RS256 by a stranger": jwt.encode(claims(**good), rsa_key(), algorithm="RS256"),
        "HS256 with the public key": raw({"alg": "HS256"}, claims(**good), pem_of(rsa_key()).encode()),
        "its own key inside": jwt.encode(claims(**good), rsa_key(), "RS256", headers={"jwk": {"kty": "RSA"}}),
        "its key elsewhere": jwt.encode(claims(**good), rsa_key(), "RS256", headers={"jku": "http://evil.example"}),
        "a path as key id": raw({"alg": "HS256", "kid": "../../dev/null"}, claims(**good), b"\0"),
        "a list as content": f"{head}.{_encode(b'[]').decode()}.{signature}",
        "deep content": f"{head}.{_encode(b'[' * 5000).decode()}.{signature}",
        "garbage": "garbage",
        "dots": "..",
        "empty": "-",
        "not ASCII": "ş.ş.ş",
        "endless": "x" * 20_000,
    }


def _badly_claimed(good: dict[str, Any]) -> dict[str, str]:
    return {
        "expired": token(ends_in_s=-1, **good),
        "not yet valid": token(nbf=datetime.now(UTC) + timedelta(seconds=60), **good),
        "issued tomorrow": token(iat=datetime.now(UTC) + timedelta(days=1), **good),
        "wrong audience": token(aud="another", iss=ISSUER),
        "no audience": token(iss=ISSUER),
        "wrong issuer": token(aud=AUDIENCE, iss="https://evil.example"),
        "no issuer": token(aud=AUDIENCE),
        "no subject": jwt.encode({"exp": datetime.now(UTC) + timedelta(hours=1), **good}, SECRET),
        "empty subject": token("", **good),
        "blank subject": token("  ", **good),
        "a list as subject": token(["alice"], **good),
        "true as subject": token(True, **good),
        "NUL in the subject": token("a\0b", **good),
        "endless subject": token("x" * 300, **good),
        "exp is text": raw({"alg": "HS256"}, claims(exp="soon", **good), SECRET.encode()),
        "exp beyond all dates": raw({"alg": "HS256"}, claims(exp=10**30, **good), SECRET.encode()),
        "exp is infinite": raw({"alg": "HS256"}, claims(exp=float("inf"), **good), SECRET.encode()),
        "critical extension": jwt.encode(claims(**good), SECRET, headers={"crit": ["exp"], "exp": 1}),
    }


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
