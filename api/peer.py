"""The address somebody asks from, as one address however it was written.

203.0.113.9, 2001:db8::9             what most sockets and proxies say
::ffff:203.0.113.9                   a caller by IPv4 where the socket takes both (`HOST=::`)
203.0.113.9:1234, [2001:db8::9]:1234 some proxies write the port into X-Forwarded-For
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

_BRACKETED_OR_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+")


def address_of(written: str) -> IPv4Address | IPv6Address | None:
    """Return the address, None for what is none."""
    found = _BRACKETED_OR_WITH_PORT.fullmatch(written)
    try:
        address = ip_address(found[1] or found[2] if found else written)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
