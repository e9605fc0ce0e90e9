"""ops/nginx.conf before two APIs, with Debian's nginx (`apt-get install nginx-light`)."""

import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from websocket import WebSocket, create_connection

from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from cli.ports import free_port
from tests import services
from tests.api_server import ApiServer, api_server
from tests.certificates import certificate_for
from tests.compose_file import ROOT
from tests.tokens import bearer
from tests.waiting import wait_for

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin")
NAME = "forgeline.example.com"
JOB = {"prompt": "a quiet harbour", "width": 64, "height": 64, "steps": 1}

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

SURROUNDINGS = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class Proxy:
    """nginx before two APIs."""

    def __init__(self, port: int, certificate: Path, apis: list[ApiServer]) -> None:
        self.port, self.certificate, self.apis = port, certificate, apis

    def call(self, method: str, path: str, **options: object) -> requests.Response:
        """Ask through nginx, under the public name."""
        headers = {"Host": NAME, **(options.pop("headers", None) or {})}  # type: ignore[dict-item]
        url = f"https://localhost:{self.port}{path}"
        return requests.request(method, url, headers=headers, verify=str(self.certificate), timeout=10, **options)  # type: ignore[arg-type]

    def socket(self, headers: dict[str, str]) -> WebSocket:
        """Open a socket through nginx."""
        return create_connection(
            f"wss://localhost:{self.port}/ws",
            host=NAME,
            origin=f"https://{NAME}",
            header=headers,
            timeout=10,
            sslopt={"ca_certs": str(self.certificate), "cert_reqs": ssl.CERT_REQUIRED},
        )


@pytest.fixture(scope="module")
def proxy(
    postgres: EmbeddedPostgres, redis_server: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    tmp_path = tmp_path_factory.mktemp("nginx")
    services.empty_database(postgres.url)
    settings = {"TRUSTED_PROXIES": "1", "ALLOWED_HOSTS": NAME}
    with (
        api_server(postgres.url, redis_server.url, **settings) as first,
        api_server(postgres.url, redis_server.url, **settings) as second,
    ):
        port, (certificate, key) = free_port(), certificate_for("localhost", tmp_path)
        site = (ROOT / "ops/nginx.conf").read_text()
        for written, here in {
            "listen 443": f"listen 127.0.0.1:{port}",
            "/etc/ssl/certs/forgeline.pem": str(certificate),
            "/etc/ssl/private/forgeline.key": str(key),
            "127.0.0.1:8000": first.host,
            "# server 10.0.0.12:8000": f"server {second.host}",
        }.items():
            assert written in site
            site = site.replace(written, here)
        (tmp_path / "site.conf").write_text(site)
        (tmp_path / "nginx.conf").write_text(SURROUNDINGS.format(folder=tmp_path))
        with subprocess.Popen([str(NGINX), "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)]) as process:
            running = Proxy(port, certificate, [first, second])
            try:
                wait_for(lambda: _is_ready(running), what="nginx")
                yield running
            finally:
                process.terminate()


def _is_ready(proxy: Proxy) -> bool:
    try:
        return proxy.call("GET", "/readyz").status_code == 200
    except requests.ConnectionError:
        return False


def test_a_job_told_to_one_api_is_heard_through_the_other(proxy: Proxy) -> None:
    me = bearer("42")
    sockets = [proxy.socket(me) for _ in range(4)]  # least_conn spreads them over both
    for socket in sockets:
        assert [json.loads(socket.recv())["type"] for _ in range(2)] == ["hello", "snapshot"]
    answer = proxy.call("POST", "/image/generate", json=JOB, headers=me)
    assert answer.status_code == 202
    for socket in sockets:
        assert _hears(socket, answer.json()["job_id"])
        socket.close()


def _hears(socket: WebSocket, job_id: str) -> bool:
    while True:
        event = json.loads(socket.recv())
        if event["type"] == "image_progress":
            return bool(event["job"]["job_id"] == job_id)


def test_the_browsers_ways_work_over_tls_and_strangers_are_refused(proxy: Proxy) -> None:
    signed_in = proxy.call("POST", "/session", headers={**bearer("42"), "Origin": f"https://{NAME}"})
    assert signed_in.status_code == 200
    assert "Secure" in signed_in.headers["Set-Cookie"], "the API knows that it was https"
    assert proxy.call("POST", "/session", headers={**bearer("42"), "Origin": "https://evil.example"}).status_code == 403
    assert proxy.call("GET", "/readyz", headers={"Host": "evil.example"}).status_code == 421
    assert proxy.call("POST", "/image/generate", data=b"x" * 70_000, headers=bearer("42")).status_code == 413


def test_metrics_are_not_for_the_world(proxy: Proxy) -> None:
    assert proxy.call("GET", "/metrics").status_code == 404
    forwarded = requests.get(proxy.apis[0].url("/metrics"), headers={"X-Forwarded-For": "192.0.2.1"}, timeout=5)
    assert forwarded.status_code == 401


def test_an_api_that_goes_is_not_noticed(proxy: Proxy) -> None:
    proxy.apis[0].process.terminate()
    for _ in range(20):
        assert proxy.call("GET", "/me", headers=bearer("42")).status_code == 200
    assert proxy.apis[0].process.wait(15) == 0
    assert proxy.call("POST", "/image/generate", json=JOB, headers=bearer("42")).status_code == 202
