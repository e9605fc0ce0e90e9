"""The page is built with the npm on PATH, else with the one that the environment's wheel brings."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "web"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with the script, a page that is installed, and a PATH in `bin` that holds no npm."""
    for folder in ("scripts", "bin", "api/web/node_modules", ".venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(SCRIPT, tmp_path / "scripts")
    (tmp_path / "api/web/node_modules/.ready").touch()
    (tmp_path / "bin/dirname").symlink_to(shutil.which("dirname") or "")
    return tmp_path


def says_npm(place: Path, name: str) -> None:
    """Put an npm there that tells its name and what it is asked."""
    (place / "npm").write_text(f'#!/bin/sh\necho {name} "$@"\n')
    (place / "npm").chmod(0o755)


def said(tree: Path, **environment: str) -> tuple[int, str]:
    """Run the script; return its exit code and what it said."""
    clean = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        [tree / "scripts" / "web", "test"],
        env=clean | {"PATH": str(tree / "bin")} | environment,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout.strip()


def test_the_environments_npm_is_used_where_there_is_no_other(tree: Path) -> None:
    says_npm(tree / ".venv/bin", "wheel")
    assert said(tree) == (0, "wheel run --silent test")


def test_the_npm_on_path_comes_first(tree: Path) -> None:
    says_npm(tree / ".venv/bin", "wheel")
    says_npm(tree / "bin", "path")
    assert said(tree) == (0, "path run --silent test")


def test_without_any_it_is_skipped_at_home_and_fails_in_ci(tree: Path) -> None:
    assert said(tree) == (0, "skipped: npm is not installed")
    assert said(tree, CI="1")[0] == 1
