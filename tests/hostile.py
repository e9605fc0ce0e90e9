"""Hostile requests, several hundred of them: each with what it is, and the statuses it may get."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.hostile_data import (
    BAD_NUMBER,
    BAD_TEXT,
    BAD_VALUES,
    KEYS,
    MEDIA_TYPES,
    METHODS,
    NO_JSON,
    NUMBER_FIELDS,
    PATHS,
    QUERIES,
    STRANGE_FIELDS,
    TEXT_FIELDS,
)

JSON = "application/json"
GENERATE = "/image/generate"

REFUSED = frozenset({400, 404, 405, 409, 413, 415, 422})
FAULTY = frozenset({422})
MALFORMED = frozenset({400})


@dataclass(frozen=True)
class Hostile:
    """One request; `allowed` are the statuses it may get."""

    name: str
    method: str
    path: str
    allowed: frozenset[int]
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    #: the field that must be named, where one is to blame
    blamed: str | None = None


def hostile_requests() -> list[Hostile]:
    """Return all of them."""
    return [*_fields(), *_bodies(), *_queries(), *_paths(), *_headers()]


def _fields() -> Iterator[Hostile]:
    for name in TEXT_FIELDS:
        for value in BAD_TEXT:
            yield _generate(f"{name} is {value}", _with(name, value), blamed=name)
    for name in NUMBER_FIELDS:
        for value in BAD_NUMBER:
            if (name, value) not in {("seed", "0"), ("steps", "1")}:
                yield _generate(f"{name} is {value[:20]}", _with(name, value), blamed=name)
    for name, value in BAD_VALUES:
        yield _generate(f"{name} is {value}", _with(name, value), blamed=name)
    for name in STRANGE_FIELDS:
        yield _generate(f"field {name!r}", f'{{"prompt": "x", "{name}": 1}}'.encode())


def _bodies() -> Iterator[Hostile]:
    for body in NO_JSON:
        yield _generate(f"no JSON {body[:20]!r}", body, allowed=MALFORMED)
    for text in [
        "null",
        "true",
        "5",
        '"prompt"',
        "[]",
        '[{"prompt": "x"}]',
        "{}",
        '{"prompt": ""}',
        '{"prompt": " \\u3000\\u200b"}',
    ]:
        yield _generate(f"body is {text}", text.encode())
    yield _generate("a key twice", b'{"prompt": "x", "steps": 1, "steps": 2}', blamed="steps")
    yield _generate("the prompt twice", b'{"prompt": "x", "prompt": "y"}', blamed="prompt")
    yield _generate("deep arrays", b'{"prompt": ' + b"[" * 30_000 + b"]" * 30_000 + b"}")
    yield _generate("deep objects", b'{"a":' * 9_000 + b"1" + b"}" * 9_000)
    yield _generate("unclosed arrays", b"[" * 60_000, allowed=REFUSED)
    nobodys = b'{"prompt": "x", "conversation_id": "a\\u0000b"}'
    yield _generate("a conversation no one can have", nobodys, allowed=frozenset({404}))
    yield _generate("a long prompt", json.dumps({"prompt": "x" * 2001}).encode(), blamed="prompt")
    yield _generate("thousands of fields", json.dumps({f"f{number}": 1 for number in range(4000)}).encode())
    yield _generate("64 KiB and one byte", b'{"prompt": "' + b"x" * 65_523 + b'"}', allowed=frozenset({413}))
    yield _generate("one MiB", b" " * 2**20, allowed=frozenset({413}))
    for path in ("/queue/pause", "/session", "/image/job/x/retry"):
        yield Hostile(f"a large body for {path}", "POST", path, frozenset({413}), b"x" * 70_000, {"Content-Type": JSON})


def _queries() -> Iterator[Hostile]:
    for method, path, queries in QUERIES:
        for query in queries:
            yield Hostile(f"{method} {path}?{query[:40]}", method, f"{path}?{query}", FAULTY)


def _paths() -> Iterator[Hostile]:
    for path in PATHS:
        yield Hostile(f"path {path[:40]}", "GET", path, REFUSED | {308})
    for method in METHODS:
        yield Hostile(f"{method} of a POST route", method, GENERATE, frozenset({405}))


def _headers() -> Iterator[Hostile]:
    for media_type in MEDIA_TYPES:
        headers = {"Content-Type": media_type} if media_type else {}
        yield Hostile(f"media type {media_type!r}", "POST", GENERATE, frozenset({415}), b'{"prompt": "x"}', headers)
    for coding in ("gzip", "deflate", "br", "gzip, gzip"):
        headers = {"Content-Type": JSON, "Content-Encoding": coding}
        yield Hostile(f"coded as {coding}", "POST", GENERATE, frozenset({415}), b'{"prompt": "x"}', headers)
    for key in KEYS:
        yield _generate(
            f"key {key[:10]!r}", b'{"prompt": "x"}', blamed="Idempotency-Key", headers={"Idempotency-Key": key}
        )
    for host in [
        "evil.example",
        "",
        "localhost@evil.example",
        "127.0.0.1.evil.example",
        "localhost:x",
        "localhost,evil.example",
    ]:
        yield Hostile(
            f"Host {host!r}",
            "POST",
            GENERATE,
            frozenset({421}),
            b'{"prompt": "x"}',
            {"Host": host, "Content-Type": JSON},
        )
    for origin in ["http://evil.example", "null", "http://localhost.evil.example", "http://localhost:81", "file://"]:
        headers = {"Origin": origin, "Content-Type": JSON}
        yield Hostile(f"Origin {origin}", "POST", GENERATE, frozenset({403}), b'{"prompt": "x"}', headers)


def _generate(
    name: str,
    body: bytes,
    *,
    allowed: frozenset[int] = FAULTY,
    blamed: str | None = None,
    headers: dict[str, Any] | None = None,
) -> Hostile:
    return Hostile(name, "POST", GENERATE, allowed, body, {"Content-Type": JSON} | (headers or {}), blamed)


def _with(name: str, value: str) -> bytes:
    """Return a body that is sound but for one field, whose value is written as given."""
    rest = "" if name == "prompt" else '"prompt": "x", '
    return f'{{{rest}"{name}": {value}}}'.encode()
