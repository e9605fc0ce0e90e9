"""Old pictures go: those past IMAGE_RETENTION_DAYS, then the oldest past IMAGE_RETENTION_GB, then what nobody shows.

A job's row says `image_expired` first, then its file is deleted: who dies between the two leaves a file that no job
shows, and the last step finds it. Messages stay. Every run is bounded; the next one goes on.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from time import monotonic

from beat.duties import Duties
from shared.domain.jobs import Job
from shared.images import ImageMissing, StoredImage

log = logging.getLogger(__name__)

#: one run works so long, then lets go of the worker
RUN_S = 20.0
BATCH = 500
#: a picture that no job shows may be one that is just being stored
UNSHOWN_FOR = timedelta(hours=1)
GB = 10**9


def retain(duties: Duties, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> int:
    """Delete what retention says; return how many pictures."""
    with duties.store.sweep_lock("retention") as mine:
        if not mine:
            return 0
        until = monotonic() + RUN_S
        try:
            gone = _past_age(duties, until) + _past_size(duties, until) + _unshown(duties, until, now())
            duties.images.remove_leftovers()
        except OSError as error:
            log.warning("the image store failed; the next run goes on: %s", error)
            return 0
    if gone:
        log.info("retention deleted %d picture(s)", gone)
    return gone


def _past_age(duties: Duties, until: float) -> int:
    days = duties.settings.image_retention_days
    if not days:
        return 0
    return _expire_all(duties, lambda: duties.store.expired_images(days, BATCH), until)


def _past_size(duties: Duties, until: float) -> int:
    if not duties.settings.image_retention_gb:
        return 0
    too_much = _size_of_shown(duties) - duties.settings.image_retention_gb * GB

    def oldest() -> list[Job]:
        nonlocal too_much
        chosen = []
        for job in duties.store.oldest_images(BATCH):
            if too_much <= 0:
                break
            too_much -= _size(duties, job)
            chosen.append(job)
        return chosen

    return _expire_all(duties, oldest, until)


def _size_of_shown(duties: Duties) -> int:
    """Return the size of all pictures that jobs show; what nobody shows goes anyway, and takes no room from them."""
    size = 0
    for images in _batches(duties.images.list()):
        shown = duties.store.kept_images([image.name for image in images])
        size += sum(image.size for image in images if image.name in shown)
    return size


def _size(duties: Duties, job: Job) -> int:
    try:
        return duties.images.size(job.image_name or "")
    except ImageMissing:
        return 0


def _expire_all(duties: Duties, find: Callable[[], list[Job]], until: float) -> int:
    gone = 0
    while monotonic() < until and (found := find()):
        for job in found:
            gone += _expire(duties, job)
    return gone


def _expire(duties: Duties, job: Job) -> int:
    change = duties.store.expire_image(job)
    duties.announcer.publish(change)
    if change is None or job.image_name is None:
        return 0
    duties.images.delete(job.image_name)
    return 1


def _unshown(duties: Duties, until: float, now: datetime) -> int:
    """Delete pictures that no job shows: their conversation went, or their worker died before it could tell."""
    gone = 0
    for images in _batches(image for image in duties.images.list() if now - image.stored_at > UNSHOWN_FOR):
        names = [image.name for image in images]
        for name in set(names) - duties.store.kept_images(names):
            duties.images.delete(name)
            gone += 1
        if monotonic() > until:
            break
    return gone


def _batches(images: Iterator[StoredImage]) -> Iterator[list[StoredImage]]:
    while batch := list(islice(images, BATCH)):
        yield batch
