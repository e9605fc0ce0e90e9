"""Where a webhook may go."""

import pytest

from shared.domain.callbacks import may_be_called

CALLBACKS = [
    ("https://hooks.example.com/x", ("hooks.example.com",), True),
    ("https://HOOKS.example.com:8443/x", ("hooks.example.com",), True),
    ("https://hooks.example.com:8443", ("hooks.example.com:8443",), True),
    ("https://hooks.example.com", ("hooks.example.com:8443",), False),
    ("http://hooks.example.com/x", ("hooks.example.com",), False),
    ("http://hooks.example.com/x", ("http://hooks.example.com",), True),
    ("https://hooks.example.com.evil.com", ("hooks.example.com",), False),
    ("https://evil.com/hooks.example.com", ("hooks.example.com",), False),
    ("https://hooks.example.com@evil.com", ("hooks.example.com",), False),
    ("https://user:pw@hooks.example.com", ("hooks.example.com",), False),
    ("https://evil.com\\@hooks.example.com", ("hooks.example.com",), False),
    ("https://hooks.example.com/#x", ("hooks.example.com",), False),
    ("https://hooks.example.com:99999", ("hooks.example.com",), False),
    ("https://hooks.example.com/a b", ("hooks.example.com",), False),
    ("https://", ("hooks.example.com",), False),
    ("file:///etc/passwd", ("hooks.example.com",), False),
    ("http://127.0.0.1:9000/x", ("127.0.0.1",), True),
    ("http://127.0.0.1:9000/x", ("hooks.example.com",), False),
    ("http://[::1]:9000/x", ("[::1]",), True),
    ("http://localhost:9000/x", ("localhost:9000",), True),
    ("https://2130706433/", ("127.0.0.1",), False),
]


@pytest.mark.parametrize(("url", "hosts", "expected"), CALLBACKS, ids=[f"{u} in {h}" for u, h, _ in CALLBACKS])
def test_a_webhook_goes_only_where_the_operator_named(url: str, hosts: tuple[str, ...], expected: bool) -> None:
    assert may_be_called(url, hosts) is expected
