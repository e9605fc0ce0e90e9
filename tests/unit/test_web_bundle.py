"""The committed page: built from the sources beside it, small enough, made of nothing but itself.

python -m tests.unit.test_web_bundle     write the page's copy of the server's texts anew
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.domain.errors import ErrorCode
from shared.domain.events import EventType
from shared.domain.jobs import Stage, Status
from shared.domain.texts import TEXTS

WEB = Path(__file__).parents[2] / "api" / "web"
DIST = WEB / "dist"
ERROR_TEXTS = WEB / "src" / "i18n" / "errorTexts.json"
#: all scripts together, compressed as the API compresses them
BUDGET_BYTES = 125_000
SINGLE_FILES = ("buildInfo.ts", "index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts")
RUNTIME = {"react", "react-dom", "zustand", "framer-motion"}
OLDEST_NODE = (20, 19)
REBUILD = "npm --prefix api/web run build"

#: what a job can end with; every other code reaches the page as an answer in its own language
ENDS = (
    ErrorCode.FORGE_TIMEOUT,
    ErrorCode.FORGE_UNAVAILABLE,
    ErrorCode.FORGE_REJECTED,
    ErrorCode.FORGE_OUT_OF_MEMORY,
    ErrorCode.FORGE_BAD_RESPONSE,
    ErrorCode.MODEL_NOT_FOUND,
    ErrorCode.STUCK,
    ErrorCode.WORKER_LOST,
    ErrorCode.EXPIRED,
    ErrorCode.CANCELLED,
    ErrorCode.INTERNAL,
)


def test_the_bundle_is_built_from_these_sources() -> None:
    sources = [WEB / name for name in SINGLE_FILES] + [path for path in (WEB / "src").rglob("*") if path.is_file()]
    now = {path.relative_to(WEB).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in sources}
    assert json.loads((DIST / "build.json").read_text())["sources"] == now, f"stale: {REBUILD}"


def test_the_bundle_holds_only_what_its_page_names() -> None:
    named = "".join(path.read_text() for path in (DIST / "index.html", *DIST.glob("assets/*.js")))
    assert [path.name for path in DIST.glob("assets/*") if path.name not in named] == []


def test_the_scripts_are_within_their_budget() -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes(), mtime=0)) for path in DIST.glob("assets/*.js")}
    assert sum(sizes.values()) <= BUDGET_BYTES, sizes


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere() -> None:
    page = (DIST / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert not re.findall(r"<script(?![^>]*\ssrc=)", page)
    assert not re.findall(r'(?:src|href)="(?!/assets/)', page)


def test_four_packages_run_in_the_browser() -> None:
    package = json.loads((WEB / "package.json").read_text())
    assert set(package["dependencies"]) == RUNTIME
    versions = {**package["dependencies"], **package["devDependencies"]}.values()
    assert not [version for version in versions if not re.fullmatch(r"\d+\.\d+\.\d+", version)]


def test_the_lock_names_no_host_and_no_package_runs_a_script() -> None:
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert not [name for name, entry in packages.items() if "resolved" in entry]
    assert not [name for name, entry in packages.items() if entry.get("hasInstallScript") and not entry.get("optional")]
    assert all("integrity" in entry for name, entry in packages.items() if name)


def test_the_page_says_the_servers_own_sentences() -> None:
    assert json.loads(ERROR_TEXTS.read_text()) == error_texts(), "run: python -m tests.unit.test_web_bundle"


def test_the_pages_types_name_what_the_server_sends() -> None:
    types = (WEB / "src" / "api" / "types.ts").read_text()
    assert _union(types, "JobStatus") == {status.value for status in Status}
    assert _union(types, "JobStage") == {stage.value for stage in Stage}
    assert set(re.findall(r"^  type: '(\w+)';", types, re.MULTILINE)) - {"image"} == {kind.value for kind in EventType}


def test_a_new_build_gives_the_same_bytes(tmp_path: Path) -> None:
    npm = _npm()
    if npm is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Node 20.19 or newer on PATH or in the environment")
    if not (WEB / "node_modules").exists():
        _run(npm, "ci")
    _run(npm, "run", "build", "--", "--outDir", str(tmp_path / "dist"))
    assert _contents(tmp_path / "dist") == _contents(DIST), REBUILD


def error_texts() -> dict[str, dict[str, str]]:
    """Return the texts the page keeps a copy of."""
    return {code.value: TEXTS[code.value] for code in ENDS}


def _union(types: str, name: str) -> set[str]:
    declared = re.search(rf"type {name} = (.*);", types)
    assert declared
    return set(re.findall(r"'(\w+)'", declared[1]))


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _npm() -> str | None:
    """Return npm beside a Node that is new enough: on PATH, or from the wheel in this environment."""
    places = [os.environ.get("PATH", ""), str(Path(sys.executable).parent)]
    for place in places:
        node, npm = shutil.which("node", path=place), shutil.which("npm", path=place)
        if node and npm and _version(node) >= OLDEST_NODE:
            return npm
    return None


def _version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def _run(npm: str, *arguments: str) -> None:
    environment = {**os.environ, "PATH": f"{Path(npm).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        [npm, *arguments], check=False, cwd=WEB, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    ERROR_TEXTS.write_text(json.dumps(error_texts(), ensure_ascii=False, indent=2) + "\n")
