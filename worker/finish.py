"""From Forge's answer to a complete job: read, proven, stored, told.

In sequence it runs in the attempt's own thread. In a hand-over it runs behind the next generation, so the GPU waits
for none of it.
"""

import logging
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from shared.domain.errors import ErrorCode
from shared.domain.jobs import Job
from worker.forge import GeneratedImage
from worker.forge_generation import Generation
from worker.lease import Lease
from worker.persistence import persist
from worker.progress import ProgressTeller
from worker.saver import Saver
from worker.verdicts import Verdicts
from worker.workbench import Ending, Workbench

log = logging.getLogger(__name__)

#: a disk that is full may have room again soon; the picture is kept meanwhile
SAVE_TRIES = 4
SAVE_AGAIN_S = 1.0


class Finish:
    """Ends one attempt whose generation was answered."""

    def __init__(self, job: Job, bench: Workbench, *, lease: Lease, teller: ProgressTeller, verdicts: Verdicts) -> None:
        self._job = job
        self._bench = bench
        self._lease = lease
        self._teller = teller
        self._verdicts = verdicts

    def run(self, generation: Generation, body: bytes) -> Ending:
        """Store the picture, then complete; raises ForgeFailure for an answer that is none.

        The stage is told before the answer is looked at: should it kill this process, it is known who did it.
        A cancel that was asked for before, too late to interrupt Forge, throws the picture away.
        """
        saving = persist(self._teller.saving) if persist(self._lease.confirm) else None
        if saving is None:
            return self._verdicts.give_up()
        image = generation.image(body)
        self._bench.circuit.success()
        if saving.cancel_requested:
            return self._verdicts.cancel()
        try:
            name = _stored(self._bench.saver, image)
        except OSError:
            log.exception("job %s: the picture could not be stored", self._job.job_id)
            return self._verdicts.fail(ErrorCode.INTERNAL)
        return self._verdicts.complete(name, _effective(self._job, image))


def _stored(saver: Saver, image: GeneratedImage) -> str:
    tries = Retrying(
        stop=stop_after_attempt(SAVE_TRIES),
        wait=wait_fixed(SAVE_AGAIN_S),
        retry=retry_if_exception_type(OSError),
        reraise=True,
    )
    return tries(saver.save, image)


def _effective(job: Job, image: GeneratedImage) -> dict[str, Any]:
    """Return the parameters with what Forge really used."""
    used = {"seed": image.seed, "sampler_name": image.sampler_name, "model": image.model}
    return {**job.params, **{name: value for name, value in used.items() if value is not None}}
