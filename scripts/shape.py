"""Print the size figures of the code, by top-level folder: `make shape`.

Files and functions by lines, nesting by blocks inside a function, positional parameters as ruff counts them. The last
lines name what is past the aims (a file 250, a function 40, nesting 3, parameters 5).
"""

import ast
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("shared", "api", "worker", "beat", "cli", "tests")
AIMS = {"file": 250, "function": 40, "nesting": 3, "parameters": 5}
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Shape:
    """One function: where it is, and its figures."""

    place: str
    lines: int
    nesting: int
    parameters: int


def main() -> None:
    """Print a row for each folder, then what is past the aims."""
    past: list[str] = []
    print(
        f"{'folder':<8}{'files':>6}{'lines':>7}{'median':>8}{'longest':>9}{'functions':>11}{'median':>8}{'p90':>5}{'longest':>9}"
    )
    for folder in FOLDERS:
        files = {
            path: _lines(path) for path in sorted((ROOT / folder).rglob("*.py")) if "node_modules" not in path.parts
        }
        shapes = [shape for path in files for shape in _functions(path)]
        if files and shapes:
            print(_row(folder, list(files.values()), sorted(shape.lines for shape in shapes)))
        past += [f"{path.relative_to(ROOT)}: {lines} lines" for path, lines in files.items() if lines > AIMS["file"]]
        past += [fault for shape in shapes for fault in _faults(shape)]
    print("\n".join(["", "past the aims:", *past] if past else ["", "nothing is past the aims"]))
    sys.exit(bool(past) and "--check" in sys.argv)


def _row(folder: str, files: list[int], functions: list[int]) -> str:
    p90 = functions[int(0.9 * (len(functions) - 1))]
    return (
        f"{folder:<8}{len(files):>6}{sum(files):>7}{statistics.median(files):>8.0f}{max(files):>9}"
        f"{len(functions):>11}{statistics.median(functions):>8.0f}{p90:>5}{functions[-1]:>9}"
    )


def _faults(shape: Shape) -> Iterator[str]:
    figures = {"function": shape.lines, "nesting": shape.nesting, "parameters": shape.parameters}
    yield from (f"{shape.place}: {name} {figure}" for name, figure in figures.items() if figure > AIMS[name])


def _functions(path: Path) -> Iterator[Shape]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            place = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            positional = [*node.args.posonlyargs, *node.args.args]
            own = [argument for argument in positional if argument.arg not in ("self", "cls")]
            yield Shape(place, (node.end_lineno or node.lineno) - node.lineno + 1, _nesting(node), len(own))


def _nesting(node: ast.AST) -> int:
    """Count the blocks around the deepest statement; an `elif` is no deeper than its `if`."""
    deepest = 0
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, (Function, ast.Lambda, ast.ClassDef)):
                continue
            chained = isinstance(node, ast.If) and name == "orelse" and isinstance(child, ast.If) and len(value) == 1
            own = int(isinstance(child, BLOCKS) and not chained)
            deepest = max(deepest, own + _nesting(child))
    return deepest


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


if __name__ == "__main__":
    main()
