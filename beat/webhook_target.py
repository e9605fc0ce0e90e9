"""Where a webhook's connection really goes: names are looked up once, checked, and the checked address is connected to.

    a public address          always
    any other address         only when WEBHOOK_HOSTS names that very address
    127.0.0.0/8, ::1          also when the callback's host is `localhost` or below it (which must be named itself)

A name that changes its answer between check and connection gains nothing: there is no second look-up.
"""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from shared.domain.callbacks import DEFAULT_PORTS, may_be_called

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: IPv4 addresses in IPv6's clothes: they would lead past the check
TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


class TargetRefused(Exception):
    """The callback may not be called there; the text says why."""


def checked_addresses(url: str, hosts: Iterable[str]) -> list[tuple[str, int]]:
    """Return the addresses to connect to, with the port, the best first.

    Raises TargetRefused, OSError when the name is not known.
    """
    named = tuple(hosts)
    if not may_be_called(url, named):
        raise TargetRefused("WEBHOOK_HOSTS does not name this host")
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    allowed = [address for address in found if may_be_reached(address, host, named)]
    if not allowed:
        raise TargetRefused(f"{host} leads to {', '.join(dict.fromkeys(found))}, which WEBHOOK_HOSTS does not name")
    return [(address, port) for address in dict.fromkeys(allowed)]


def may_be_reached(address: str, host: str, hosts: Iterable[str]) -> bool:
    """Tell whether a callback to `host` may be sent to `address`, to which its name leads."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if is_public(found) or found in _addresses(hosts):
        return True
    return found.is_loopback and (host == "localhost" or host.endswith(".localhost"))


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the open internet, and leads to nothing else."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    hidden = address.ipv4_mapped or address.sixtofour or address.teredo
    return not hidden and not any(address in network for network in TRANSLATED)


def _addresses(hosts: Iterable[str]) -> set[Address]:
    named: set[Address] = set()
    for entry in hosts:
        host = urlsplit(entry if "://" in entry else f"//{entry}").hostname or ""
        try:
            named.add(ipaddress.ip_address(host))
        except ValueError:
            continue
    return named
