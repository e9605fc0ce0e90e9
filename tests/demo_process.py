"""The demo renderer as a process of its own, with its controls: the tests' Forge and their witness."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

ROOT = Path(__file__).parent.parent
START_S = 20.0


class DemoForge:
    """`python -m cli.demo_forge` on ports of its own; `with DemoForge("--nowebui") as demo: …`.

    Fast unless told otherwise: steps of 5 ms, no loading time, tiny plain images.
    """

    FAST = ("--step-seconds", "0.005", "--load-seconds", "0", "--payload", "plain")

    def __init__(self, *options: str, port: int = 0) -> None:
        self._options, self._port = options, port
        self._process: subprocess.Popen[str] | None = None
        self._session = requests.Session()
        self.url = self._controls = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._session.close()

    def start(self) -> None:
        """Start it, again on the same port if it ran before."""
        ports = ("--port", str(self._port), "--control-port", "0")
        command = [sys.executable, "-m", "cli.demo_forge", *ports, *self.FAST, *self._options]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        told = [self._process.stdout.readline().split() for _ in range(2)]
        if not all(told):
            self.kill()
            raise AssertionError("the demo renderer did not start")
        self.url, self._controls = (words[-1] for words in told)
        self._port = int(self.url.rpartition(":")[2])

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill it as `kill -9` does, if it still runs."""
        if self._process is not None:
            self._process.kill()
            self.wait()

    def terminate(self) -> None:
        """Ask it to stop, as a supervisor does."""
        assert self._process is not None
        self._process.terminate()

    def wait(self) -> int:
        """Wait until the process is gone; return its code."""
        assert self._process is not None
        code = self._process.wait(START_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def order(self, method: str, path: str, **body: Any) -> Any:
        """Give an order to /demo/<path> and return the answer's JSON."""
        answer = self._session.request(method, f"{self._controls}/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def fault(self, kind: str, **details: Any) -> None:
        """Let the next generation go wrong (cli.demo_faults lists the kinds)."""
        self.order("POST", "faults", kind=kind, **details)

    def settings(self, **wanted: Any) -> None:
        """Change the pace or the manners."""
        self.order("POST", "settings", **wanted)

    def shut_gate(self, at: float | str) -> None:
        """Hold every generation that reaches this point."""
        self.order("POST", "gate", at=at)

    def wait_held(self) -> str:
        """Wait until a generation stands at the gate; return its task id."""
        held: list[str] = self.order("GET", "gate?wait=15")["held"]
        assert held, "nothing came to the gate"
        return held[0]

    def open_gate(self) -> None:
        """Let everything through."""
        self.order("DELETE", "gate")

    def log(self) -> dict[str, Any]:
        """Return what the demo saw: {entries, counts, calls, overlap, overlaps, inside}."""
        report: dict[str, Any] = self.order("GET", "log")
        return report

    def wait_for(self, event: str, *, count: int = 1, **match: str) -> list[dict[str, Any]]:
        """Wait until the log has `count` such events; return them."""
        query = "&".join(f"{key}={value}" for key, value in match.items())
        found: list[dict[str, Any]] = self.order("GET", f"log?event={event}&count={count}&wait=15&{query}")
        assert len(found) >= count, f"{len(found)} of {count} {event} {match}: {self.log()['entries']}"
        return found

    def reset(self) -> None:
        """Forget faults, gate, jobs and log; the pace of FAST again."""
        self.order("DELETE", "faults")
        self.order("DELETE", "gate")
        self.order("POST", "accept")
        self.order("POST", "restart")
        fast = {"step_seconds": 0.005, "load_seconds": 0, "job_seconds": None, "payload": "plain"}
        options = {"live_previews_enable": True, "samples_format": "png"}
        self.settings(**fast, webui=True, dialect="forge", auth="", options=options)
        self.order("DELETE", "log")
