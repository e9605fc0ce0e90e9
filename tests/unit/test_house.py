"""The house rules that no linter holds."""

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from dotenv import dotenv_values

from cli.main import COMMANDS
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
NAMES = {name.upper() for name in Settings.model_fields}
PACKAGES = ("api", "worker", "beat", "shared", "cli")


def test_make_without_a_target_prints_the_list() -> None:
    said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "test", "demo", "lint", "bench", "chaos", "simulate", "shots", "shape", "help"):
        assert re.search(rf"^  make {target} +\w", said, re.MULTILINE), target


def test_the_lock_pins_every_package_and_names_no_host() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert not [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!+]+", line)]


def test_the_example_file_lists_exactly_the_settings_with_their_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}
    assert set(example) == NAMES
    monkeypatch.chdir(tmp_path)
    assert Settings.from_env(example) == Settings.from_env({})


def test_the_readme_lists_exactly_the_settings() -> None:
    rows = re.findall(r"^\| (`[A-Z][A-Z_]+`[^|]*)\|", (ROOT / "README.md").read_text(), re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`([A-Z][A-Z_]+)`", row)}
    assert listed == NAMES


def test_no_other_distribution_ships_our_names() -> None:
    shipped = packages_distributions()
    assert {name: set(shipped.get(name, ())) for name in PACKAGES} == {name: {"forgeline"} for name in PACKAGES}


def test_the_rules_import_the_standard_library_and_the_validation_library_alone() -> None:
    allowed = {*sys.stdlib_module_names, "pydantic", "pydantic_core", "annotated_types", "shared"}
    for path in sorted((ROOT / "shared" / "domain").rglob("*.py")):
        foreign = {name for name in _imported(path) if name.partition(".")[0] not in allowed}
        assert not foreign, f"{path.name}: {foreign}"


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for package in PACKAGES for path in _modules(package) if not _docstring(path)]
    assert not [path for path in silent if path.read_text().strip()]


def test_every_command_has_its_line_of_help() -> None:
    helped = subprocess.run(
        [Path(sys.executable).parent / "forgeline", "--help"], capture_output=True, text=True, check=True
    )
    for name, (_module, text) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(text[:20])}", helped.stdout, re.MULTILINE), name


def _modules(package: str) -> list[Path]:
    return [path for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts]


def _docstring(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text()))


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module or "")
    return found
