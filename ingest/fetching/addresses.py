"""Which IP addresses a fetch may connect to: the public ones, and what a setting opens.

IANA's registries of special-purpose addresses (RFC 6890; iana.org/assignments/iana-ipv4-special-registry and -ipv6-), written
out here because Python's `is_global` differs from release to release; and addresses at which clouds answer their guests.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from ingest.fetching.settings import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_CLOSED_4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT, and metadata of a cloud (100.100.100.200)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and metadata of most clouds
        "168.63.129.16/32",  # Azure's host
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: Global unicast; all else in IPv6 is loopback, link-local, unique-local (fc00::/7), multicast, or not given out.
_OPEN_6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments: Teredo (2001::/32), benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address of any kind is inside
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


@lru_cache(maxsize=65_536)
def may_connect(address: str, opened: tuple[Network, ...]) -> bool:
    """Whether a connection to an IP address, as text, is allowed; false for what is no address, or has a zone.

    An IPv4 address that stands in an IPv6 one (mapped, or translated by NAT64) is judged as itself.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None:
            return False
        if any(ip in network for network in opened):
            return True
        if ip in _MAPPED or ip in _NAT64:
            return _public(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF), opened)
    return _public(ip, opened)


def _public(ip: Address, opened: tuple[Network, ...]) -> bool:
    if any(ip in network for network in opened):
        return True
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _CLOSED_4)
    return ip in _OPEN_6 and not any(ip in network for network in _CLOSED_6)
