"""What a valid request for an image is: the one declaration that checks requests and documents them.

    parse_generate(body, limits, lists)  ->  GenerateRequest, or InvalidRequest with every fault at once

Nothing is guessed: an unknown field, true for a number, text for a number, NUL, a lone surrogate, NaN and infinities
are refused; a whole number is a number, and 20.0 is the whole number 20. Unicode stays as it is.
The limits an operator sets are part of the declaration, so the OpenAPI document shows the real ones.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

from annotated_types import Le, MaxLen
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator

from shared.domain.callbacks import may_be_called
from shared.domain.errors import FieldFault, InvalidRequest
from shared.domain.faults import SAYING_PATTERN, TEXT_PATTERN, WEB_PATTERN, faults_of
from shared.domain.texts import Locale

MIN_SIDE, MAX_SIDE, SIDE_STEP = 64, 2048, 8
MAX_SEED = 2**32 - 1
MAX_NAME_CHARS = 300
MAX_URL_CHARS = 2000

Side = Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE, multiple_of=SIDE_STEP)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS, pattern=SAYING_PATTERN)]
AnyText = Annotated[str, Field(pattern=TEXT_PATTERN)]

WHOLE_NUMBERS = frozenset({"width", "height", "steps", "seed"})

#: Sizes people ask for, each a multiple of 8 and about a megapixel, which Flux was trained on.
PRESETS = (
    ("square", 1024, 1024),
    ("portrait", 832, 1216),
    ("landscape", 1216, 832),
    ("wide", 1344, 768),
    ("tall", 768, 1344),
    ("small", 512, 512),
)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What an operator allows: characters of a prompt, pixels, steps, and hosts a webhook may go to (none: off)."""

    max_prompt_chars: int = 2000
    max_pixels: int = 4194304
    max_steps: int = 150
    webhook_hosts: tuple[str, ...] = ()

    def view(self) -> dict[str, int]:
        """Return the limits as `GET /image/options` shows them."""
        return {
            "max_prompt_chars": self.max_prompt_chars,
            "max_pixels": self.max_pixels,
            "max_steps": self.max_steps,
            "min_side": MIN_SIDE,
            "max_side": self.max_side,
            "side_step": SIDE_STEP,
        }

    @property
    def max_side(self) -> int:
        """The longest side that fits into `max_pixels` beside the shortest one."""
        return max(MIN_SIDE, min(MAX_SIDE, self.max_pixels // MIN_SIDE // SIDE_STEP * SIDE_STEP))

    @property
    def default_side(self) -> int:
        """1024, or the largest square that fits."""
        return max(MIN_SIDE, min(1024, math.isqrt(self.max_pixels) // SIDE_STEP * SIDE_STEP))


@dataclass(frozen=True, slots=True)
class ReportedLists:
    """What the workers' Forges offer; an empty set means not reported, and nothing is checked against it."""

    samplers: frozenset[str] = frozenset()
    schedulers: frozenset[str] = frozenset()
    #: names and titles alike: Forge takes either
    models: frozenset[str] = frozenset()


class GenerationParams(BaseModel):
    """What is drawn, in the request's own names; kept with the job."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    prompt: Annotated[str, Field(min_length=1, pattern=SAYING_PATTERN, description="What the picture shows.")]
    negative_prompt: Annotated[AnyText, Field(description="What it should not show; nothing at cfg_scale 1.")] = ""
    width: Annotated[Side, Field(description="In pixels.")] = 1024
    height: Annotated[Side, Field(description="In pixels.")] = 1024
    steps: Annotated[int, Field(ge=1)] = 20
    cfg_scale: Annotated[float, Field(ge=1, le=30)] = 1.0
    distilled_cfg_scale: Annotated[float, Field(ge=0, le=30, description="Flux's guidance.")] = 3.5
    sampler_name: Annotated[Name, Field(description="One of `samplers` of GET /image/options.")] = "Euler"
    scheduler: Annotated[Name, Field(description="One of `schedulers` of GET /image/options.")] = "Simple"
    seed: Annotated[int, Field(ge=-1, le=MAX_SEED, description="-1 draws one.")] = -1
    model: Annotated[Name | None, Field(description="Name or title of a model; null: the one loaded now.")] = None

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, data: object) -> object:
        """Read 20.0 as the whole number 20, as JSON Schema does."""
        if not isinstance(data, Mapping):
            return data
        return {name: _whole(value) if name in WHOLE_NUMBERS else value for name, value in data.items()}


class GenerateRequest(GenerationParams):
    """The body of POST /image/generate."""

    conversation_id: Annotated[str | None, Field(description="Yours; without it a new one is made.")] = None
    priority: Annotated[Literal["normal", "high"], Field(description="`high` is for admins.")] = "normal"
    locale: Annotated[Locale | None, Field(description="Language of the texts on the job.")] = None
    callback_url: Annotated[
        str | None, Field(max_length=MAX_URL_CHARS, pattern=WEB_PATTERN, description="Told when the job has ended.")
    ] = None

    @property
    def params(self) -> GenerationParams:
        """Only what is drawn."""
        return GenerationParams(**{name: getattr(self, name) for name in GenerationParams.model_fields})

    def fingerprint(self) -> str:
        """Return a digest that is equal for bodies that ask for the same thing, however they were written."""
        canonical = json.dumps(self.model_dump(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


@lru_cache(maxsize=32)
def request_model(limits: RequestLimits) -> type[GenerateRequest]:
    """Return GenerateRequest with an operator's limits in it."""
    text, side, steps = MaxLen(limits.max_prompt_chars), Le(limits.max_side), Le(limits.max_steps)
    fields: dict[str, Any] = {
        "prompt": (_narrowed("prompt", text), ...),
        "negative_prompt": (_narrowed("negative_prompt", text), ""),
        "width": (_narrowed("width", side), limits.default_side),
        "height": (_narrowed("height", side), limits.default_side),
        "steps": (_narrowed("steps", steps), min(20, limits.max_steps)),
    }
    if not limits.webhook_hosts:
        fields["callback_url"] = (Annotated[None, Field(description="Webhooks are off on this server.")], None)
    model: type[GenerateRequest] = create_model(
        "GenerateRequest", __base__=GenerateRequest, __doc__=GenerateRequest.__doc__, **fields
    )
    return model


def parse_generate(
    data: object,
    limits: RequestLimits,
    lists: ReportedLists | None = None,
    known_faults: Iterable[FieldFault] = (),
) -> GenerateRequest:
    """Return the request in `data` (a parsed JSON body); raises InvalidRequest with every fault at once.

    `lists` is what the workers reported, None before; `known_faults` are those the reading of the body found.
    """
    model = request_model(limits)
    faults = list(known_faults)
    request: GenerateRequest | None = None
    try:
        request = model.model_validate(data)
    except ValidationError as error:
        faults += faults_of(error, model)
    faults += _faults_between(data, {fault.field for fault in faults}, limits, lists)
    if faults or request is None:
        raise InvalidRequest(errors=faults)
    return request


def defaults(limits: RequestLimits) -> dict[str, object]:
    """Return what a request that names only a prompt asks for, without the prompt."""
    fields = request_model(limits).model_fields
    return {name: fields[name].default for name in GenerationParams.model_fields if name != "prompt"}


def presets(limits: RequestLimits) -> list[dict[str, object]]:
    """Return the sizes offered to people that the limits allow: `{name, width, height}`."""
    return [
        {"name": name, "width": width, "height": height}
        for name, width, height in PRESETS
        if width * height <= limits.max_pixels
    ]


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _narrowed(name: str, rule: object) -> Any:
    """Return the type of a declared field with `rule` in the place of its like."""
    field = GenerateRequest.model_fields[name]
    kept = [other for other in field.metadata if type(other) is not type(rule)]
    return Annotated[(field.annotation, *kept, rule, Field(description=field.description))]


def _faults_between(
    data: object, faulty: set[str], limits: RequestLimits, lists: ReportedLists | None
) -> list[FieldFault]:
    """Check what no single field can: the area, the hosts of webhooks, the workers' lists; on fields sound so far."""
    if not isinstance(data, Mapping):
        return []
    given = {name: value for name, value in data.items() if name not in faulty}
    sound: dict[str, Any] = {**defaults(limits), **given}
    faults = _unavailable(given, lists)
    if not {"width", "height"} & faulty and sound["width"] * sound["height"] > limits.max_pixels:
        faults += [FieldFault(name, "too_many_pixels", {"limit": limits.max_pixels}) for name in ("width", "height")]
    url = sound.get("callback_url")
    if url is not None and not may_be_called(url, limits.webhook_hosts):
        faults.append(FieldFault("callback_url", "bad_url"))
    return faults


def _unavailable(names: Mapping[str, Any], lists: ReportedLists | None) -> list[FieldFault]:
    if lists is None:
        return []
    offered = {"sampler_name": lists.samplers, "scheduler": lists.schedulers, "model": lists.models}
    return [
        FieldFault(field, "not_available")
        for field, known in offered.items()
        if known and names.get(field) is not None and names[field] not in known
    ]
