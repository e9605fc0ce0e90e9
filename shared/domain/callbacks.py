"""Where a `callback_url` may point: only at hosts the operator named; and the key that signs what is sent there.

    hooks.example.com            https to that host, any port
    hooks.example.com:8443       https to that host and port
    http://hooks.example.com     plain http too
    10.0.0.5, localhost          a private address: only when named itself, and then plain http too

No credentials in the address, no fragment. Names are compared, nothing is looked up: that a named host does not lead
to a private address is checked when the webhook is sent.
"""

import base64
import ipaddress
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
#: how Standard Webhooks marks a secret that is base64
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix, not the secret


def may_be_called(url: str, hosts: Iterable[str]) -> bool:
    """Tell whether `url` is a web address on one of `hosts` (the entries of WEBHOOK_HOSTS)."""
    parts = _split(url)
    return parts is not None and any(_covers(entry, parts) for entry in hosts)


def names_a_host(entry: str) -> bool:
    """Tell whether an entry of WEBHOOK_HOSTS names one host, so that an address can be on it."""
    return "*" not in entry and _entry(entry) is not None


def names_private_address(host: str) -> bool:
    """Tell whether `host` is itself written as an address (or name) of this machine or a private network."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def signing_key(secret: str) -> bytes:
    """Return the key that a secret stands for; raises ValueError when there is none in it."""
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    if not key:
        raise ValueError("an empty key signs nothing")
    return key


def _split(url: str) -> SplitResult | None:
    if not url.isascii() or not url.isprintable() or any(char in url for char in ' \\"<>^`{|}'):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port  # read here because a bad port raises only when it is read
    except ValueError:
        return None
    sound = parts.scheme in DEFAULT_PORTS and parts.hostname and port != 0
    return parts if sound and "@" not in parts.netloc and "#" not in url else None


def _entry(entry: str) -> SplitResult | None:
    return _split(entry if "://" in entry else f"https://{entry}")


def _covers(entry: str, asked: SplitResult) -> bool:
    allowed = _entry(entry)
    if allowed is None or allowed.hostname != asked.hostname:
        return False
    plain_allowed = allowed.scheme == "http" or names_private_address(allowed.hostname or "")
    if asked.scheme == "http" and not plain_allowed:
        return False
    return allowed.port is None or allowed.port == (asked.port or DEFAULT_PORTS[asked.scheme])
