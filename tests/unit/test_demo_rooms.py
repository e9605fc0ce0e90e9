"""The demo renderer's small rooms: requests, faults, gate, lock, witness."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from cli.demo_faults import Fault, Faults, Gate
from cli.demo_request import Txt2Img, Unprocessable, effective_sampler, parse
from cli.demo_state import FifoLock
from cli.demo_witness import Witness
from tests.waiting import wait_for


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ({}, ("Euler", "Automatic")),
        ({"sampler_name": "Euler a", "scheduler": "karras"}, ("Euler a", "Karras")),
        ({"sampler_name": "DPM++ 2M Karras"}, ("DPM++ 2M", "Karras")),
        ({"sampler_name": "nope", "scheduler": "nope"}, ("DPM++ 2M", "Automatic")),
        ({"sampler_index": "Heun", "scheduler": "Simple"}, ("Heun", "Simple")),
    ],
)
def test_falls_back_silently_on_names_it_does_not_know(asked: dict[str, str], used: tuple[str, str]) -> None:
    assert effective_sampler(Txt2Img(**asked)) == used  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"steps": 2.5}', b'{"seed": "x"}', b'{"alwayson_scripts": {"nope": {}}}']
)
def test_refuses_what_fastapi_refuses(body: bytes) -> None:
    with pytest.raises(Unprocessable):
        parse(body)


def test_takes_numbers_as_text_and_drops_unknown_fields() -> None:
    assert parse(b'{"steps": "3", "nope": 1}').steps == 3


def kinds(faults: Faults, times: int, where: Any = "generate") -> list[str | None]:
    taken = [faults.take(where) for _ in range(times)]
    return [fault.kind if fault else None for fault in taken]


def test_strikes_in_turn_then_stands_until_it_is_cleared() -> None:
    faults = Faults()
    faults.add(Fault(kind="poisoned", times=0))
    faults.add(Fault(kind="oom", times=2))
    faults.add(Fault(kind="empty"))
    assert kinds(faults, 5) == ["oom", "oom", "empty", "poisoned", "poisoned"]
    faults.clear()
    assert kinds(faults, 1) == [None]


def test_strikes_only_where_it_is_meant_to() -> None:
    faults = Faults()
    faults.add(Fault(kind="unauthorized", where="all"))
    assert kinds(faults, 1) == [None]
    assert kinds(faults, 2, "all") == ["unauthorized", None]


def at_gate(gate: Gate, number: int, point: Any = 0.5) -> threading.Thread:
    thread = threading.Thread(target=gate.pass_by, args=(point, number, f"t{number}", lambda: False), daemon=True)
    thread.start()
    return thread


def test_holds_until_it_opens_and_each_generation_once() -> None:
    gate = Gate(threading.Condition())
    at_gate(gate, 0).join(5)
    gate.shut(0.4)
    held = at_gate(gate, 1)
    assert gate.report(wait_s=5) == {"at": 0.4, "held": ["t1"]}
    gate.let_one_through()
    held.join(5)
    at_gate(gate, 1, 0.9).join(5)
    assert gate.report()["held"] == []
    next_one = at_gate(gate, 2)
    assert gate.report(wait_s=5)["held"] == ["t2"]
    gate.open()
    next_one.join(5)
    assert not next_one.is_alive()


def test_can_be_moved_on_while_somebody_stands_there() -> None:
    gate = Gate(threading.Condition())
    gate.shut("loading")
    held = at_gate(gate, 1, "loading")
    gate.report(wait_s=5)
    gate.shut(0.5)
    held.join(5)
    again = at_gate(gate, 1, 0.5)
    assert gate.report(wait_s=5)["held"] == ["t1"]
    gate.open()
    again.join(5)


def test_lets_waiters_in_in_the_order_of_their_arrival() -> None:
    lock, order = FifoLock(), []
    lock.acquire()

    def wait(number: int) -> None:
        lock.acquire()
        order.append(number)
        lock.release()

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        wait_for(lambda number=number: len(lock._waiting) == number + 1)  # type: ignore[misc]
    lock.release()
    for thread in threads:
        thread.join(5)
    assert order == [0, 1, 2, 3, 4]


def test_counts_overlaps_of_our_own_requests_only(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "log")
    witness.arrived(1, "a")
    witness.arrived(2, None)
    witness.arrived(3, "b")
    witness.ended(1, "a", outcome="complete")
    witness.ended(1, "a", outcome="told twice")
    witness.arrived(4, "c")
    report = witness.report()
    assert report["overlaps"] == [["a", "b"], ["b", "c"]]
    assert (report["overlap"], report["inside"], report["counts"]) == (2, 3, {"arrive": 4, "end": 1})
    lines = (tmp_path / "log").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["arrive", "arrive", "arrive", "end", "arrive"]


class Looked:
    """A detail of an entry that counts how often it was looked at."""

    times = 0

    def __str__(self) -> str:
        self.times += 1
        return "looked at"


def test_who_waits_for_many_entries_looks_at_each_once_and_begins_anew_after_a_clearing() -> None:
    witness, found = Witness(), []
    waiter = threading.Thread(target=lambda: found.extend(witness.wait({"seed": "looked at"}, 50, timeout_s=30)))
    waiter.start()
    witness.note("answered", seed=(forgotten := Looked()))
    wait_for(lambda: forgotten.times)
    witness.clear()
    seen = [Looked() for _ in range(50)]
    for one in seen:
        assert not found
        witness.note("answered", seed=one)
        wait_for(lambda one=one: one.times)  # type: ignore[misc]
    waiter.join()
    assert [entry["seed"] for entry in found] == seen
    assert {one.times for one in seen} == {1}
