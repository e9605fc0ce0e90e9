"""Pictures in an S3 bucket, so that the API and the workers may live on different machines.

boto3 reads its own environment (keys, region, AWS_ENDPOINT_URL). The client is made at the first call, in the process
that makes it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import Any, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.images import (
    THUMBNAIL_SUFFIX,
    THUMBNAIL_TYPE,
    THUMBNAIL_WIDTHS,
    ImageMissing,
    ImageStoreFailed,
    StoredImage,
    checked,
    is_name,
    new_name,
)
from shared.thumbnails import checked_width, shrunk

MISSING = ("404", "NoSuchKey", "NotFound")


class BucketImages:
    """An ImageStore in a bucket, under a prefix of its own."""

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""

    def save(self, png: bytes) -> str:
        """Store a picture under a new name and return the name; raises ImageStoreFailed."""
        name = new_name()
        self._call("put_object", name, Body=png, ContentType="image/png", CacheControl="private, immutable")
        return name

    def open(self, name: str) -> BinaryIO:
        """Return a picture, read as a whole; raises ImageMissing, ImageStoreFailed."""
        return io.BytesIO(self._read(checked(name)))

    def size(self, name: str) -> int:
        """Return the size of a picture in bytes; raises ImageMissing, ImageStoreFailed."""
        return int(self._call("head_object", checked(name))["ContentLength"])

    def exists(self, name: str) -> bool:
        """Tell whether there is such a picture; raises ImageStoreFailed."""
        if not is_name(name):
            return False
        try:
            self._call("head_object", name)
        except ImageMissing:
            return False
        return True

    def delete(self, name: str) -> None:
        """Remove a picture and its thumbnails; one that is not there is no error."""
        if not is_name(name):
            return
        small = [_thumbnail(name, width) for width in THUMBNAIL_WIDTHS]
        for key in (*small, name, *small):  # again: one may have been made in between
            with contextlib.suppress(ImageMissing):
                self._call("delete_object", key)

    def list(self) -> Iterator[StoredImage]:
        """Return every picture, in no order; raises ImageStoreFailed."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{self._prefix}flux_", Delimiter="/"
        )
        try:
            for found in chain.from_iterable(page.get("Contents", ()) for page in pages):
                name = found["Key"].removeprefix(self._prefix)
                if is_name(name):
                    yield StoredImage(name, int(found["Size"]), found["LastModified"])
        except (BotoCoreError, ClientError) as error:
            raise ImageStoreFailed(_reason(error)) from error

    def thumbnail(self, name: str, width: int) -> bytes:
        """Return a small copy; made at the first demand and kept; raises ImageMissing, ImageStoreFailed."""
        key = _thumbnail(checked(name), checked_width(width))
        with contextlib.suppress(ImageMissing):
            return self._read(key)
        small = shrunk(self._read(name), width)
        with contextlib.suppress(ImageStoreFailed):
            self._call("put_object", key, Body=small, ContentType=THUMBNAIL_TYPE)
            if not self.exists(name):  # deleted meanwhile
                self._call("delete_object", key)
        return small

    def remove_leftovers(self) -> int:
        """Return 0: an upload that breaks off leaves no object."""
        return 0

    @cached_property
    def _client(self) -> Any:
        config = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 3})
        return boto3.session.Session().client("s3", config=config)

    def _read(self, key: str) -> bytes:
        try:
            content: bytes = self._call("get_object", key)["Body"].read()
        except BotoCoreError as error:
            raise ImageStoreFailed(_reason(error)) from error
        return content

    def _call(self, method: str, key: str, **arguments: Any) -> Any:
        try:
            return getattr(self._client, method)(Bucket=self._bucket, Key=self._prefix + key, **arguments)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in MISSING:
                raise ImageMissing("no such image") from None
            raise ImageStoreFailed(_reason(error)) from error
        except BotoCoreError as error:
            raise ImageStoreFailed(_reason(error)) from error


def _thumbnail(name: str, width: int) -> str:
    return f"thumbnails/{width}/{name.removesuffix('.png')}{THUMBNAIL_SUFFIX}"


def _reason(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError):
        return f"S3: {error.response.get('Error', {}).get('Code', 'error')}"
    return f"S3: {type(error).__name__}"
