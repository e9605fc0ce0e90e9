"""A load client for POSTs on kept connections: wrk where it is installed, else one of our own that costs more."""

import re
import shutil
import subprocess
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

BODY = '{"prompt":"a lighthouse in a storm","steps":4}'
SCRIPT = f"""
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{BODY}'
"""


def submissions_per_s(url: str, *, connections: int, seconds: float) -> float:
    """Submit as fast as it goes; return accepted submissions a second. Raises RuntimeError when one was refused."""
    if shutil.which("wrk"):
        return _with_wrk(url, connections, seconds)
    return _with_threads(url, connections, seconds)


def client_name() -> str:
    """Return which client is used."""
    return "wrk" if shutil.which("wrk") else "http.client in threads, on the same cores"


def _with_wrk(url: str, connections: int, seconds: float) -> float:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "post.lua")
        script.write_text(SCRIPT)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}", "-s", str(script), f"{url}/image/generate"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise RuntimeError(said)
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])


def _with_threads(url: str, connections: int, seconds: float) -> float:
    until = time.monotonic() + seconds
    counts = [0] * connections

    def submit(number: int) -> None:
        link = HTTPConnection(urlsplit(url).netloc, timeout=10)
        while time.monotonic() < until:
            link.request("POST", "/image/generate", BODY, {"Content-Type": "application/json"})
            answer = link.getresponse()
            answer.read()
            counts[number] += answer.status == 202
        link.close()

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds
