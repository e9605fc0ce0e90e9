"""One browser and the relay: the protocol of `/ws`, over a real server."""

import json
from time import monotonic

import pytest
import requests
import websocket

from tests.relay_client import ALICE, Backstage, close_code, greeted, hear, hear_until, is_job, job
from tests.relay_server import RelayServer
from tests.waiting import wait_for


def test_it_says_hello_and_then_the_snapshot(server: RelayServer, backstage: Backstage) -> None:
    backstage.store(job("mine"))
    backstage.store(job("theirs"), frozenset({"id:7", "name:bob"}))
    ws = server.connect("42/alice")
    hello, snapshot = greeted(ws)
    assert hello["protocol"] == 1
    assert hello["heartbeat_s"] == 20
    assert hello["user"] == {"user_id": "42", "username": "alice", "roles": [], "auth_mode": "jwt"}
    assert [one["job_id"] for one in snapshot["jobs"]] == ["mine"]
    assert snapshot["truncated"] is False
    assert set(snapshot["queue"]) == {"waiting", "processing", "held", "paused", "retry_at"}


def test_an_event_reaches_its_owner_whole_and_nobody_else(server: RelayServer, backstage: Backstage) -> None:
    alice, bob = server.connect("42/alice"), server.connect("7/42")
    greeted(alice), greeted(bob)
    backstage.change(job("a", prompt="deniz feneri 🌊", status="queued"))
    assert hear(alice) == {"type": "image_progress", "job": job("a", prompt="deniz feneri 🌊", status="queued")}
    backstage.change(job("b"), frozenset({"id:7"}))
    assert hear(bob)["job"]["job_id"] == "b", "the user named 42 got an event of the user whose id is 42"


def test_the_first_sockets_end_leaves_the_second_served(server: RelayServer, backstage: Backstage) -> None:
    first, second = server.connect("42/alice"), server.connect("42/alice")
    greeted(first), greeted(second)
    first.close()
    wait_for(lambda: server.census()["sockets"] == 1)
    backstage.publish(job("a"))
    assert hear(second)["job"]["job_id"] == "a"


@pytest.mark.parametrize(
    "said", ["not json", "[]", "17", '{"type":"dance"}', '{"kind":"pong"}', '{"type":"auth"}', "[" * 4000, ""]
)
def test_anything_else_closes_with_1003(server: RelayServer, backstage: Backstage, said: str) -> None:
    ws = server.connect("42/alice")
    greeted(ws)
    ws.send('{"type":"pong"}')
    ws.send(said)
    assert close_code(ws) == 1003


def test_a_binary_message_closes_with_1003(server: RelayServer, backstage: Backstage) -> None:
    ws = server.connect("42/alice")
    greeted(ws)
    ws.send_binary(b'{"type":"pong"}')
    assert close_code(ws) == 1003


def test_over_4_kib_closes_with_1009_counted_in_bytes_and_over_all_pieces(
    server: RelayServer, backstage: Backstage
) -> None:
    whole, letters, pieces = (server.connect("42/alice") for _ in range(3))
    whole.send(json.dumps({"type": "pong", "x": "y" * 4096}))
    letters.send(json.dumps({"type": "pong", "x": "ş" * 2100}, ensure_ascii=False))
    for number in range(10):
        opcode = websocket.ABNF.OPCODE_CONT if number else websocket.ABNF.OPCODE_TEXT
        pieces.send_frame(websocket.ABNF.create_frame(b"x" * 500, opcode, 0))
    for ws in (whole, letters, pieces):
        assert close_code(ws) == 1009


def test_exactly_4_kib_is_heard(server: RelayServer, backstage: Backstage) -> None:
    ws = server.connect("42/alice")
    greeted(ws)
    filler = "y" * (4096 - len('{"type":"pong","x":""}'))
    ws.send(f'{{"type":"pong","x":"{filler}"}}')
    backstage.publish(job("a"))
    assert hear(ws)["job"]["job_id"] == "a"


def test_a_message_in_pieces_is_heard(server: RelayServer, backstage: Backstage) -> None:
    ws = server.connect()
    text = json.dumps({"type": "auth", "token": "42/ali\u015fe"}, ensure_ascii=False).encode()
    ws.send_frame(websocket.ABNF.create_frame(text[:30], websocket.ABNF.OPCODE_TEXT, 0))
    ws.ping("in between")
    ws.send_frame(websocket.ABNF.create_frame(text[30:], websocket.ABNF.OPCODE_CONT, 1))
    assert greeted(ws)[0]["user"]["username"] == "alişe"


def test_compression_is_not_negotiated(server: RelayServer) -> None:
    ws = server.connect("42/alice", header={"Sec-WebSocket-Extensions": "permessage-deflate"})
    assert "sec-websocket-extensions" not in ws.headers


def test_a_ping_is_answered_and_a_close_is_returned(server: RelayServer, backstage: Backstage) -> None:
    ws = server.connect("42/alice")
    greeted(ws)
    ws.ping("are you there")
    opcode, data = ws.recv_data(control_frame=True)
    assert (opcode, data) == (websocket.ABNF.OPCODE_PONG, b"are you there")
    ws.send_close(1000)
    assert close_code(ws) == 1000


def test_asking_for_snapshots_is_answered_at_most_once_a_second(server: RelayServer, backstage: Backstage) -> None:
    ws = server.connect("42/alice")
    greeted(ws)
    began = monotonic()
    for _ in range(20):
        ws.send('{"type":"snapshot"}')
    assert hear(ws)["type"] == "snapshot"
    assert 0.8 < monotonic() - began < 5
    backstage.publish(job("a"))
    assert hear(ws)["type"] == "image_progress", "the merged requests were answered more than once"


def test_the_line_tells_each_owner_its_own_moved_places(server: RelayServer, backstage: Backstage) -> None:
    backstage.line(("42", "a", 1), ("7", "b", 2), ("42", "c", 3))
    alice, bob = server.connect("42/alice"), server.connect("7/bob")
    greeted(alice), greeted(bob)
    hear_until(alice, lambda event: len(event.get("jobs", [])) == 2)
    hear_until(bob, lambda event: len(event.get("jobs", [])) == 1)
    backstage.line(("7", "b", 1), ("42", "c", 2))
    move = hear_until(alice, lambda event: event["waiting"] == 2)[-1]
    assert move["type"] == "queue"
    assert move["jobs"] == [{"job_id": "c", "queue_position": 2, "eta_seconds": 20}]
    assert set(move) == {"type", "waiting", "processing", "held", "paused", "retry_at", "jobs", "server_time"}
    assert [place["job_id"] for place in hear_until(bob, lambda event: event["waiting"] == 2)[-1]["jobs"]] == ["b"]


def test_only_who_moved_is_told_and_a_change_of_held_goes_to_all(server: RelayServer, backstage: Backstage) -> None:
    alice, bob = server.connect("42/alice"), server.connect("7/bob")
    greeted(alice), greeted(bob)
    backstage.line(("42", "a", 1))
    assert hear(alice)["jobs"][0]["job_id"] == "a"
    backstage.line(("42", "a", 1), held=True)
    assert [(event["held"], event["jobs"]) for event in (hear(alice), hear(bob))] == [(True, [])] * 2
    backstage.line(("42", "a", 1))
    assert [hear(ws)["held"] for ws in (alice, bob)] == [False, False]


def test_the_line_is_told_at_most_twice_a_second_and_ends_right(server: RelayServer, backstage: Backstage) -> None:
    ws = server.connect("42/alice")
    greeted(ws)
    began = monotonic()
    for place in range(60, 20, -1):
        backstage.line(("42", "a", place))
    events = hear_until(ws, lambda event: event["jobs"][0]["queue_position"] == 21)
    took_s = monotonic() - began
    assert len(events) <= 2 * took_s + 2


def test_a_place_that_is_as_before_but_not_as_the_snapshot_told_is_told(
    server: RelayServer, backstage: Backstage
) -> None:
    backstage.store(job("a"))
    first = server.connect("42/alice")
    greeted(first)
    backstage.line(("42", "a", 1))
    assert hear(first)["jobs"][0]["queue_position"] == 1
    backstage.line(("42", "a", 2), tell=False)
    second = server.connect("42/alice")
    assert greeted(second)[1]["jobs"][0]["queue_position"] == 2
    backstage.line(("42", "a", 1))
    assert hear_until(second, lambda event: event["type"] == "queue")[-1]["jobs"][0]["queue_position"] == 1


def test_a_change_that_no_event_told_is_found_in_the_store(server: RelayServer, backstage: Backstage) -> None:
    ws = server.connect("42/alice")
    greeted(ws)
    backstage.change(job("a", version=1, status="processing"))
    backstage.store(job("a", version=2, status="complete"))
    heard = hear_until(ws, is_job("a", 2))
    assert [event["job"]["version"] for event in heard if event["type"] == "image_progress"] == [1, 2]


def test_who_watches_stands_in_redis(server: RelayServer, backstage: Backstage) -> None:
    ws = server.connect("42/alice")
    greeted(ws)
    watchers = wait_for(lambda: backstage.redis.zrange("forgeline:watchers", 0, -1))
    assert set(watchers) >= set(ALICE)


def test_a_request_that_is_no_upgrade_is_refused(server: RelayServer) -> None:
    assert requests.get(server.url("/ws"), timeout=5).status_code == 400
    half = {"Upgrade": "websocket", "Connection": "Upgrade"}
    assert requests.get(server.url("/ws"), headers=half, timeout=5).status_code == 400
    half |= {"Sec-WebSocket-Key": "short", "Sec-WebSocket-Version": "13"}
    assert requests.get(server.url("/ws"), headers=half, timeout=5).status_code in (101, 400)
