"""Pictures are stored whole under names nobody can guess: one suite over a folder and over S3."""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image

from shared import images_bucket, images_folder
from shared.images import ImageMissing, ImageStore, ImageStoreFailed, is_name, new_name, open_image_store
from shared.images_folder import LEFTOVER_AFTER_S, FolderImages
from shared.thumbnails import shrunk

BUCKET = "pictures"


def png(size: tuple[int, int] = (1024, 512)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (200, 80, 10)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 stand-in."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def s3_environment(s3: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {
            "AWS_ENDPOINT_URL": s3,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patched.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def bucket(s3_environment: None) -> Any:
    """The bucket itself; a client takes long to make."""
    made = boto3.resource("s3").Bucket(BUCKET)
    made.create()
    return made


@pytest.fixture(scope="module")
def bucket_stores(bucket: Any) -> dict[str, ImageStore]:
    places = {"bucket": f"s3://{BUCKET}", "bucket with a prefix": f"s3://{BUCKET}/some/prefix"}
    return {name: open_image_store(place) for name, place in places.items()}


@pytest.fixture(params=["folder", "folder with a space", "bucket", "bucket with a prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ImageStore]:
    if "folder" in request.param:
        yield open_image_store((tmp_path / request.param).as_uri())
        return
    yield request.getfixturevalue("bucket_stores")[request.param]
    request.getfixturevalue("bucket").objects.all().delete()


def test_returns_what_was_stored(store: ImageStore) -> None:
    name = store.save(png())
    assert is_name(name)
    assert store.exists(name)
    assert store.size(name) == len(png())
    with store.open(name) as file:
        assert file.seekable()
        file.seek(1)
        assert file.read(3) == b"PNG"


def test_gives_every_picture_a_name_of_its_own(store: ImageStore) -> None:
    names = {store.save(png((8, 8))) for _ in range(5)}
    assert len(names) == 5
    assert {found.name for found in store.list()} == names


def test_lists_sizes_and_moments(store: ImageStore) -> None:
    name = store.save(png())
    (found,) = store.list()
    assert (found.name, found.size) == (name, len(png()))
    assert abs(datetime.now(UTC) - found.stored_at) < timedelta(minutes=1)


def test_lists_nothing_before_the_first_picture(store: ImageStore) -> None:
    assert list(store.list()) == []


def test_deletes_a_picture_with_its_thumbnails_and_twice(store: ImageStore) -> None:
    name = store.save(png())
    store.thumbnail(name, 256)
    for _ in range(2):
        store.delete(name)
    assert not store.exists(name)
    for ask in (store.open, store.size, lambda each: store.thumbnail(each, 256)):
        with pytest.raises(ImageMissing):
            ask(name)
    assert list(store.list()) == []


@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_keeps_no_thumbnail_of_a_picture_that_is_deleted_meanwhile(
    place: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"folder": images_folder, "bucket": images_bucket}[place]
    store = FolderImages(tmp_path) if place == "folder" else request.getfixturevalue("bucket_stores")["bucket"]
    name = store.save(png())

    def deleted_meanwhile(picture: bytes, width: int) -> bytes:
        store.delete(name)
        return shrunk(picture, width)

    monkeypatch.setattr(where, "shrunk", deleted_meanwhile)  # between the two steps of one method
    store.thumbnail(name, 256)
    with pytest.raises(ImageMissing):
        store.thumbnail(name, 256)


def test_makes_a_thumbnail_once_and_does_not_list_it(store: ImageStore) -> None:
    name = store.save(png())
    first = store.thumbnail(name, 256)
    with Image.open(io.BytesIO(first)) as small:
        assert (small.format, small.size) == ("WEBP", (256, 128))
    assert store.thumbnail(name, 256) == first
    assert [found.name for found in store.list()] == [name]


def test_leaves_a_small_picture_as_it_is_and_refuses_odd_widths(store: ImageStore) -> None:
    name = store.save(png((64, 64)))
    with Image.open(io.BytesIO(store.thumbnail(name, 512))) as small:
        assert small.size == (64, 64)
    with pytest.raises(ValueError, match="pixels wide"):
        store.thumbnail(name, 9999)


BAD_NAMES = (
    "../secret", "/etc/passwd", "flux_" + "0" * 32, "flux_" + "0" * 31 + ".png", "flux_" + "G" * 32 + ".png",
    "flux_" + "0" * 32 + ".png\n", "flux_" + "0" * 32 + ".png/..", ".parts/x", "flux_" + "٠" * 32 + ".png", "",
)  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_knows_no_name_of_another_form(store: ImageStore, name: str) -> None:
    assert not store.exists(name)
    store.delete(name)
    for ask in (store.open, store.size, lambda each: store.thumbnail(each, 256)):
        with pytest.raises(ImageMissing):
            ask(name)


def test_misses_what_was_never_there(store: ImageStore) -> None:
    assert not store.exists(new_name())
    with pytest.raises(ImageMissing):
        store.open(new_name())


@pytest.mark.parametrize("url", ["http://x/y", "file://host/folder", "/folder", "ftp://x"])
def test_refuses_an_address_it_does_not_know(url: str) -> None:
    with pytest.raises(ValueError, match="image store"):
        open_image_store(url)


WRITE = """
import resource, signal, sys
from pathlib import Path
from shared.images_folder import FolderImages
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    FolderImages(Path(sys.argv[1])).save(b"x" * 100_000)
except OSError as error:
    print(type(error).__name__)
"""


def test_leaves_no_half_file_when_the_disk_is_full(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30, cwd=Path.cwd())
    assert done.stdout.strip() == "OSError"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4096


def test_removes_what_writers_left_behind_when_they_are_surely_gone(tmp_path: Path) -> None:
    store = FolderImages(tmp_path)
    store.save(png((8, 8)))
    old, new = tmp_path / ".parts" / "old", tmp_path / ".parts" / "new"
    for part in (old, new):
        part.write_bytes(b"half")
    moment = old.stat().st_mtime - LEFTOVER_AFTER_S - 60
    os.utime(old, (moment, moment))
    assert store.remove_leftovers() == 1
    assert (old.exists(), new.exists(), len(list(store.list()))) == (False, True, 1)


def test_a_part_that_is_renamed_into_place_meanwhile_is_no_leftover(tmp_path: Path) -> None:
    store = FolderImages(tmp_path)
    store.save(png())
    (tmp_path / ".parts" / "gone").symlink_to("nowhere")  # listed, and no longer there when it is looked at
    assert store.remove_leftovers() == 0


def test_still_shows_a_thumbnail_that_it_cannot_keep(tmp_path: Path) -> None:
    store = FolderImages(tmp_path)
    name = store.save(png())
    (tmp_path / ".thumbnails").write_text("in the way")
    assert store.thumbnail(name, 256).startswith(b"RIFF")


def test_tells_a_bucket_that_fails_from_a_picture_that_is_missing(s3_environment: None) -> None:
    store = open_image_store("s3://no-such-bucket/prefix")
    with pytest.raises(ImageStoreFailed):
        store.save(png((8, 8)))


def test_tells_that_s3_cannot_be_reached(s3_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store = open_image_store("s3://pictures/prefix")
    with pytest.raises(ImageStoreFailed):
        store.exists(new_name())
