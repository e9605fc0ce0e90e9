"""The kinds of failure an image server can answer with, each with its own treatment.

| kind            | what Forge did                                          | what becomes of the job          |
|-----------------|---------------------------------------------------------|----------------------------------|
| timeout         | no sign of life for the configured time                 | retried after 1, 2, 4 s, then failed |
| unreachable     | refused, reset, 502, 503, 404 while it boots            | back to its place                |
| poisoned        | every request fails since a model load failed           | back to its place                |
| server_error    | a plain 5xx                                             | back; three rounds: failed       |
| rejected        | 4xx, or a type error in what we sent                    | failed at once                   |
| out_of_memory   | the GPU's memory did not suffice                        | one retry, then failed           |
| bad_image       | 200, but no usable image                                | one retry, then failed           |
| unauthorized    | 401, 403: our configuration is wrong, or a proxy's      | back to its place                |
| model_not_found | the model asked for is not on this server               | failed at once                   |

What follows from a kind is decided in `shared.domain.decisions`.
"""

from enum import StrEnum


class FailureKind(StrEnum):
    """How one try at one generation failed."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    POISONED = "poisoned"
    SERVER_ERROR = "server_error"
    REJECTED = "rejected"
    OUT_OF_MEMORY = "out_of_memory"
    BAD_IMAGE = "bad_image"
    UNAUTHORIZED = "unauthorized"
    MODEL_NOT_FOUND = "model_not_found"
