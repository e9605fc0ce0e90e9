"""Figures, the table they are printed in, and the files they are kept in."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

FOLDER = Path("var/bench")


@dataclass(frozen=True)
class Figure:
    """One measured thing; `goal` is the most (or, with `at_least`, the least) that `value` may be."""

    name: str
    unit: str
    value: float
    p99: float | None = None
    count: int = 1
    goal: float | None = None
    at_least: bool = False
    p99_goal: float | None = None

    @classmethod
    def of(cls, name: str, unit: str, samples: Sequence[float], **goals: float) -> "Figure":
        """Return the median and the 99th percentile of what was sampled."""
        p99 = quantiles(samples, n=100)[98] if len(samples) >= 20 else max(samples)
        return cls(name, unit, median(samples), p99, len(samples), **goals)  # type: ignore[arg-type]  # goals by name

    @property
    def met(self) -> bool:
        """Whether every goal was met."""
        if self.p99_goal is not None and self.p99 is not None and self.p99 > self.p99_goal:
            return False
        if self.goal is None:
            return True
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    @property
    def told_goal(self) -> str:
        """The goal as people read it: median, then p99."""
        goal = "" if self.goal is None else f"{'≥' if self.at_least else '≤'} {self.goal:g}"
        return goal if self.p99_goal is None else f"{goal} / {self.p99_goal:g}"

    def line(self) -> str:
        """One row of the table."""
        p99 = "" if self.p99 is None else f"{self.p99:.2f}"
        goal = self.told_goal
        told = "" if not goal else "met" if self.met else "MISSED"
        return f"{self.name:<52}{self.value:>11.2f}{p99:>10} {self.unit:<7}{self.count:>6}  {goal:<12}{told}"


@dataclass
class Results:
    """Everything one run measured, in the order it was measured."""

    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, figure: Figure) -> None:
        """Keep a figure, and print it at once."""
        self.figures.append(figure)
        print(figure.line(), flush=True)

    def note(self, text: str) -> None:
        """Keep a remark, and print it."""
        self.notes.append(text)
        print(f"  {text}", flush=True)

    def value(self, name: str) -> float | None:
        """Return the value of a figure, if it was measured."""
        return next((figure.value for figure in self.figures if figure.name == name), None)

    def ratio(self, text: str, ours: str, theirs: str) -> None:
        """Print how many times the one is the other."""
        a, b = self.value(ours), self.value(theirs)
        if a and b:
            self.note(f"{text}: {a / b:.2f}")

    def save(self) -> Path:
        """Write this run beside the earlier ones; returns the file."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        run = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": _commit(),
            "machine": machine(),
            "load": os.getloadavg()[0],
            "figures": [asdict(figure) for figure in self.figures],
            "notes": self.notes,
        }
        latest = FOLDER / "latest.json"
        latest.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n")
        with (FOLDER / "history.jsonl").open("a") as history:
            history.write(json.dumps(run, ensure_ascii=False) + "\n")
        return latest


def machine() -> str:
    """Return what this runs on."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "")
    return (
        f"{os.cpu_count()} × {model or platform.processor() or platform.machine()}, Python {platform.python_version()}"
    )


HEADER = f"{'':<52}{'median':>11}{'p99':>10} {'unit':<7}{'n':>6}  {'goal':<12}"


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip()
