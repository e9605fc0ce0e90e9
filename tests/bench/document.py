"""Write the figures of the last run into docs/performance.md: `python -m tests.bench.document`.

Only what stands between the two marks is written, so that no figure there is ever typed by hand.
"""

import json
from pathlib import Path
from typing import Any

from tests.bench.results import FOLDER, Figure

PAGE = Path("docs/performance.md")
BEGIN, END = "<!-- figures: written by tests.bench.document -->", "<!-- end of figures -->"
HEADER = "| | median | p99 | unit | n | goal | |\n|---|---:|---:|---|---:|---|---|\n"


def main() -> None:
    """Replace the figures in the page."""
    run = json.loads((FOLDER / "latest.json").read_text())
    page = PAGE.read_text()
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{told(run)}{END}{after}")


def told(run: dict[str, Any]) -> str:
    """Return a run as Markdown."""
    rows = "".join(_row(Figure(**figure)) for figure in run["figures"])
    notes = "".join(f"* {note}\n" for note in run["notes"])
    where = f"Measured {run['at']} at {run['commit']} on {run['machine']}, load {run['load']:.1f}."
    return f"{where}\n\n{HEADER}{rows}\n{notes}\n"


def _row(figure: Figure) -> str:
    p99 = "" if figure.p99 is None else f"{figure.p99:.2f}"
    verdict = "" if figure.goal is None else "met" if figure.met else "**missed**"
    cells = (figure.name, f"{figure.value:.2f}", p99, figure.unit, str(figure.count), figure.told_goal, verdict)
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    main()
