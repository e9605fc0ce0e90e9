"""What Celery is told about a Redis: the same server, in the words of its own addresses."""

import pytest

from shared.queues import broker_url


@pytest.mark.parametrize(
    ("ours", "celerys"),
    [
        ("redis://a:6379/0", "redis://a:6379/0"),
        ("rediss://a:6379/0", "rediss://a:6379/0?ssl_cert_reqs=required"),
        ("rediss://a/0?ssl_cert_reqs=none", "rediss://a/0?ssl_cert_reqs=none"),
        ("sentinel://a,b:5/m", "sentinel://a:26379/0;sentinel://b:5/0"),
        ("sentinel://[::1]:5/m/3", "sentinel://[::1]:5/3"),
        ("sentinel://:p%40w%2F@a/m", "sentinel://:p%40w%2F@a:26379/0"),
        ("sentinel://me:p@a/m", "sentinel://me:p@a:26379/0"),
    ],
)
def test_celery_is_given_the_same_server(ours: str, celerys: str) -> None:
    address, options = broker_url(ours)
    assert address == celerys
    assert options.get("master_name") == ("m" if ours.startswith("sentinel") else None)
