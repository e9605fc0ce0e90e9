"""The stack's client: submits, cancels and asks over HTTP, as everybody does."""

from typing import Any

import requests

#: an image takes as many steps of 5 ms, or as the test tells Forge
ORDER = {"width": 64, "height": 64, "steps": 4}


class Client:
    """Over the API at `port`."""

    port: int
    http: requests.Session

    def url(self, path: str) -> str:
        """An address of the API."""
        return f"http://127.0.0.1:{self.port}{path}"

    def post(self, path: str, **body: Any) -> requests.Response:
        """Send a POST."""
        return self.http.post(self.url(path), json=body or None, timeout=20)

    def submit(self, prompt: str = "a lighthouse", **fields: Any) -> str:
        """Submit a prompt; return the job's id."""
        answer = self.post("/image/generate", prompt=prompt, **{**ORDER, **fields})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def submit_many(self, count: int, **fields: Any) -> list[str]:
        """Submit so many; return their ids in order."""
        return [self.submit(f"job {number}", **fields) for number in range(count)]

    def view(self, job_id: str) -> dict[str, Any]:
        """Return the job as a client sees it."""
        found: dict[str, Any] = self.http.get(self.url(f"/image/job/{job_id}/status"), timeout=20).json()
        return found

    def status(self) -> dict[str, Any]:
        """Return GET /image/status."""
        found: dict[str, Any] = self.http.get(self.url("/image/status"), timeout=20).json()
        return found

    def cancel(self, job_id: str) -> requests.Response:
        """Cancel a job."""
        return self.http.delete(self.url(f"/image/job/{job_id}/cancel"), timeout=20)
