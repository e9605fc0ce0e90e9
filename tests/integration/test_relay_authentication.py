"""Who may listen at `/ws`, and for how long, over a real server."""

import json
from time import monotonic

from tests.relay_client import Backstage, close_code, greeted, hear, job
from tests.relay_server import RelayServer


def test_a_stranger_may_tell_who_it_is_by_its_first_message(server: RelayServer, backstage: Backstage) -> None:
    ws = server.connect()
    ws.send(json.dumps({"type": "auth", "token": "42/alice"}))
    hello, _ = greeted(ws)
    assert hello["user"]["user_id"] == "42"


def test_a_stranger_who_says_nothing_is_closed_with_4408_after_five_seconds(server: RelayServer) -> None:
    began = monotonic()
    ws = server.connect()
    assert close_code(ws) == 4408
    assert 4.5 < monotonic() - began < 9


def test_a_bad_token_is_closed_with_4401_after_the_upgrade(server: RelayServer) -> None:
    ws = server.connect("bad")
    assert close_code(ws) == 4401
    ws = server.connect()
    ws.send(json.dumps({"type": "auth", "token": "bad"}))
    assert close_code(ws) == 4401


def test_a_snapshot_before_authentication_is_refused(server: RelayServer) -> None:
    ws = server.connect()
    ws.send('{"type":"snapshot"}')
    assert close_code(ws) == 4401


def test_the_tokens_end_closes_the_socket_and_nothing_is_received_after(
    server: RelayServer, backstage: Backstage
) -> None:
    began = monotonic()
    ws = server.connect("42/alice/1.5")
    greeted(ws)
    assert close_code(ws) == 4401
    assert 1.4 < monotonic() - began < 5
    backstage.publish(job("late"))
    assert server.census()["sockets"] == 0


def test_a_newer_token_of_the_same_user_moves_the_end(server: RelayServer, backstage: Backstage) -> None:
    began = monotonic()
    ws = server.connect("42/alice/2")
    greeted(ws)
    ws.send(json.dumps({"type": "auth", "token": "42/alice/4"}))
    assert close_code(ws) == 4401
    assert 3.9 < monotonic() - began < 8


def test_another_users_token_is_refused(server: RelayServer, backstage: Backstage) -> None:
    ws = server.connect("42/alice")
    greeted(ws)
    ws.send(json.dumps({"type": "auth", "token": "7/bob"}))
    assert close_code(ws) == 4401


def test_one_socket_more_than_allowed_is_closed_with_4429(server: RelayServer, backstage: Backstage) -> None:
    sockets = [server.connect("42/alice") for _ in range(3)]
    for ws in sockets:
        greeted(ws)
    extra = server.connect("42/alice")
    assert close_code(extra) == 4429
    backstage.publish(job("a"))
    for ws in sockets:
        assert hear(ws)["job"]["job_id"] == "a"
