"""Which browser the page is driven with, and how it is started.

Looked for in this order: $CHROMIUM, then `chromium-headless-shell`, `chromium`, `google-chrome` on
PATH, then the Chromium that npm's @sparticuz/chromium carries, where someone installed it.
"""

import os
import shutil
from pathlib import Path

NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
FROM_NPM = Path("/tmp/chromium")  # where that package unpacks itself
HOW_TO_GET_ONE = "no browser: apt-get install -y --no-install-recommends chromium-headless-shell fonts-dejavu-core"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_browser() -> str | None:
    """Return the path of a browser, None when this machine has none."""
    named = os.environ.get("CHROMIUM")
    found = [named, *(shutil.which(name) for name in NAMES), str(FROM_NPM) if FROM_NPM.exists() else None]
    return next((path for path in found if path), None)
