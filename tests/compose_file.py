"""compose.yaml read as a machine without containers can use it: each service's command, environment and healthcheck.

What a container would be given otherwise (the other containers' names, /data, the ports) is replaced by what is here.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.stack import clean_environment

ROOT = Path(__file__).parent.parent
PROGRAMS = Path(sys.executable).parent
#: ${NAME:-default}; the default holds no brace
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@dataclass(frozen=True)
class ComposeFile:
    """The file, and what each of its texts becomes here."""

    here: Mapping[str, str] = field(default_factory=dict)
    services: dict[str, Any] = field(default_factory=lambda: read()["services"])

    def command(self, name: str) -> list[str]:
        """Return a service's command line."""
        return [self._here(word) for word in self.services[name]["command"]]

    def environment(self, name: str) -> dict[str, str]:
        """Return a service's environment and its image's on top of ours, as if no variable of the file were set."""
        image = image_environment() if "build" in self.services[name] else {}
        asked = image | self.services[name].get("environment", {})
        given = {key: self._here(str(value)) for key, value in asked.items()}
        path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
        return clean_environment({**given, "PATH": path, "PYTHONPATH": str(ROOT)})

    def start(self, name: str, folder: Path) -> "subprocess.Popen[bytes]":
        """Start a service; what it says goes to NAME.log in `folder`."""
        with open(folder / f"{name}.log", "wb") as log:
            return subprocess.Popen(
                self.command(name),
                env=self.environment(name),
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_healthy(self, name: str) -> bool:
        """Run a service's own healthcheck once."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        command = [self._here(word) for word in words]
        if kind == "CMD-SHELL":
            command = ["/bin/sh", "-c", command[0].replace("$$", "$")]
        limit_s = float(self.services[name]["healthcheck"]["timeout"].rstrip("s"))
        try:
            done = subprocess.run(
                command, env=self.environment(name), cwd=ROOT, capture_output=True, timeout=limit_s, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _here(self, text: str) -> str:
        text = _VARIABLE.sub(lambda found: found[2], text)
        for there, here in self.here.items():
            text = text.replace(there, here)
        return text


def image_environment() -> dict[str, str]:
    """Return what the Dockerfile's last stage sets; PATH leads to what is installed here."""
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2].replace("\\\n", " ")
    lines = [line.removeprefix("ENV ") for line in last_stage.splitlines() if line.startswith("ENV ")]
    return dict(word.split("=", 1) for line in lines for word in line.split() if not word.startswith("PATH="))


def read() -> dict[str, Any]:
    """Return the file as YAML says it."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return content
