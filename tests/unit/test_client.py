"""The client keeps asking for what was lost, and sends once what would happen twice."""

import re
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.client import Client, must_be_writable
from cli.client_call import Lost, Refused
from cli.ports import free_port
from tests.canned_api import COMPLETE, JOB, LOST, CannedApi, canned_api

NOT_FOUND = {
    "title": "There is nothing here.",
    "status": 404,
    "detail": "There is nothing here.",
    "code": "not_found",
}


@pytest.fixture
def api() -> Iterator[CannedApi]:
    with canned_api() as api:
        yield api


@pytest.mark.parametrize("trouble", [LOST, 502, 503, 504])
def test_a_wait_outlives_a_restart_of_the_server(api: CannedApi, trouble: Any) -> None:
    api.answers = [trouble, trouble, {**JOB, "progress": 50}, trouble]
    seen: list[int] = []
    assert Client(api.url).wait(JOB, lambda job: seen.append(job["progress"])) == COMPLETE
    assert seen == [10, 50, 100]


def test_a_picture_is_fetched_though_the_server_restarts(api: CannedApi, tmp_path: Path) -> None:
    api.answers = [LOST]
    assert Client(api.url).download(COMPLETE, tmp_path / "a.png").exists()


@pytest.mark.parametrize("before", [None, b"mine"], ids=["a new file", "one that was there"])
def test_a_disk_that_is_full_keeps_no_piece_of_a_picture(api: CannedApi, tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "a.png"
    if before:
        path.write_bytes(before)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, old[1]))
    try:
        with pytest.raises(Refused, match=rf"cannot be written.*stays at {api.url}/images/a_fox.png"):
            Client(api.url).download(COMPLETE, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert path.exists() == bool(before)


def test_patience_ends() -> None:
    client = Client(f"http://127.0.0.1:{free_port()}", patience_s=0.2)
    with pytest.raises(Lost, match="nothing answers"):
        client.wait(JOB)


def test_a_refusal_is_no_loss(api: CannedApi) -> None:
    api.answers = [404]
    with pytest.raises(Refused) as refused:
        Client(api.url).wait(JOB)
    assert len(api.asked) == 1 and not isinstance(refused.value, Lost)


@pytest.mark.parametrize("ask", [Client.job, Client.retry, Client.cancel])
def test_a_job_that_is_not_there_is_named(api: CannedApi, ask: Callable[[Client, str], Any]) -> None:
    api.answers = [NOT_FOUND]
    with pytest.raises(Refused, match="there is no job 7d9f"):
        ask(Client(api.url), "7d9f")


@pytest.mark.parametrize("lost", [(), (LOST,)], ids=["at once", "after a lost answer"])
def test_a_conversation_that_is_not_there_is_named(api: CannedApi, lost: tuple[object, ...]) -> None:
    api.answers = [*lost, NOT_FOUND]
    with pytest.raises(Refused, match=r"^there is no conversation c\[1\], or it is not yours$"):
        Client(api.url).submit("a fox", conversation_id="c[1]")


def test_an_address_where_another_server_answers_is_named(api: CannedApi) -> None:
    api.answers = [{"detail": "Not Found", "status": 404}]
    with pytest.raises(Refused, match=f"{api.url} does not speak as Forgeline does: 404"):
        Client(api.url).job("7d9f")


def test_every_fault_of_a_request_is_told_once(api: CannedApi) -> None:
    faults = [{"field": "width", "message": "No."}, {"field": "steps", "message": "Fewer."}]
    title, detail = "The request is not valid.", "width: No.; steps: Fewer."
    api.answers = [{"title": title, "status": 422, "detail": detail, "code": "invalid_request", "errors": faults}]
    with pytest.raises(Refused) as refused:
        Client(api.url).submit("a fox")
    assert refused.value.message == f"{title}\n  width: No.\n  steps: Fewer."


def test_who_is_asked_to_sign_in_is_told_how(api: CannedApi) -> None:
    api.answers = [{"title": "Please sign in.", "status": 401, "detail": "Please sign in.", "code": "unauthenticated"}]
    with pytest.raises(Refused, match=r"(?s)Please sign in.*FORGELINE_TOKEN.*forgeline token"):
        Client(api.url).submit("a fox")


@pytest.mark.parametrize("trouble", [LOST, 502, 503, 504])
def test_a_submission_whose_answer_is_lost_is_sent_again_as_the_same(api: CannedApi, trouble: Any) -> None:
    api.answers = [trouble, LOST]
    client = Client(api.url)
    assert client.submit("a fox") == COMPLETE
    assert api.asked == ["POST /image/generate"] * 3
    client.submit("a fox")
    *first, another = api.keys
    assert len(set(first)) == 1 and another not in (None, *first), "each submission is one of its own"


@pytest.mark.parametrize("change", [Client.retry, Client.cancel])
def test_what_has_no_key_is_sent_once(api: CannedApi, change: Callable[[Client, str], Any]) -> None:
    api.answers = [LOST]
    with pytest.raises(Lost):
        change(Client(api.url), "7d9f")
    assert len(api.asked) == 1


@pytest.mark.parametrize(("token", "field"), [(None, {"cfg_scale": float("nan")}), ("şifre", {}), ("a\nb", {})])
def test_what_cannot_be_sent_is_told_as_such(api: CannedApi, token: str | None, field: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="cannot be sent"):
        Client(api.url, token).submit("a fox", **field)
    assert not api.asked


@pytest.mark.parametrize("job_id", ["x/../../jobs?status=queued#", "a b", "şimdi", "\udcff"])
@pytest.mark.parametrize("ask", [Client.job, Client.retry, Client.cancel])
def test_an_id_leads_to_no_other_route(api: CannedApi, ask: Callable[[Client, str], Any], job_id: str) -> None:
    ask(Client(api.url), job_id)
    (asked,) = api.asked
    assert re.fullmatch(r"\w+ /image/job/[\w%.-]+/(status|retry|cancel)", asked)


def test_where_the_server_listens_is_known_without_the_passwords_of_its_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "env").write_bytes(b"\xff")  # as unreadable as one that belongs to another user
    monkeypatch.chdir(tmp_path)
    for name, value in {"DATA_DIR": str(tmp_path), "PORT": "4711", "FORGELINE_URL": ""}.items():
        monkeypatch.setenv(name, value)
    assert Client.from_env().url == "http://127.0.0.1:4711"


@pytest.mark.parametrize("job_id", ["", ".", ".."])
def test_an_id_that_is_none_is_not_sent(api: CannedApi, job_id: str) -> None:
    with pytest.raises(Refused, match="no job"):
        Client(api.url).cancel(job_id)
    assert not api.asked


def test_a_picture_that_was_deleted_has_no_address(api: CannedApi) -> None:
    with pytest.raises(Refused, match="deleted"):
        Client(api.url).picture_url({**COMPLETE, "image_url": None, "image_expired": True})


@pytest.mark.parametrize("path", ["afile/a.png", "afile/further/a.png", "/proc/a.png", f"{300 * 'a'}.png"])
def test_what_cannot_be_written_is_refused_before_and_after(
    api: CannedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("afile").touch()
    with pytest.raises(Refused, match="cannot be written"):
        must_be_writable(Path(path))
    with pytest.raises(Refused, match="cannot be written"):
        Client(api.url).download(COMPLETE, path)


def test_a_look_whether_a_file_can_be_written_leaves_nothing(tmp_path: Path) -> None:
    must_be_writable(tmp_path / "further" / "below" / "a.png")
    assert not list(tmp_path.iterdir())
