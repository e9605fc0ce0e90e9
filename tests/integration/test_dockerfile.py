"""The Dockerfile, as far as it can be tried without a container engine: its form, and the package it installs."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.compose_file import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_image_runs_as_nobody_special_and_in_exec_form() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last_stage, re.MULTILINE)
    served = ["sh", "-c", "HOST=${HOST:-0.0.0.0} exec python -m api.serve"]
    assert json.loads(re.findall(r"^CMD (.*)$", last_stage, re.MULTILINE)[0]) == served
    assert json.loads(re.findall(r"HEALTHCHECK .*\\\n +CMD (.*)$", last_stage, re.MULTILINE)[0])[0] == "python"
    assert last_stage.count("COPY") == 1, "the build's leftovers stay behind"


def test_everything_the_image_copies_is_there_and_let_through() -> None:
    copied = [word for line in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()]
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in let_through, name


def test_the_package_holds_the_page_and_the_migrations(tmp_path: Path) -> None:
    setup = [sys.executable, "-c", "from setuptools import setup; setup()", "-q", "build", "--build-lib", str(tmp_path)]
    subprocess.run(setup, cwd=_copy_of_the_sources(tmp_path / "src"), check=True, capture_output=True)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    bundle = {f"api/web/dist/{path.relative_to(ROOT / 'api/web/dist')}" for path in _files(ROOT / "api/web/dist")}
    migrations = {f"shared/migrations/versions/{path.name}" for path in ROOT.glob("shared/migrations/versions/m*.py")}
    assert bundle <= names
    assert {*migrations, "shared/migrations/script.py.mako", "api/docs/docs.html"} <= names
    assert not any(name.startswith(("tests/", "api/web/src")) for name in names)


def _copy_of_the_sources(folder: Path) -> Path:
    """Copy what the Dockerfile copies: a build leaves folders behind."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, tracked.stdout.split("\0")):
        source = ROOT / name
        if not name.startswith(("tests/", "api/web/src", "docs/")) and source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(source.read_bytes())
    return folder


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and _is_tracked(path)]


def _is_tracked(path: Path) -> bool:
    asked = subprocess.run(["git", "ls-files", "--error-unmatch", path], cwd=ROOT, capture_output=True, check=False)
    return asked.returncode == 0
