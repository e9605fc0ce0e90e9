"""What a Forge says about itself: its state at a pre-flight, and the names a request may use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from worker.forge_answer import same_model

#: NUL and lone surrogates
UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ForgeState:
    """What a pre-flight saw: is it free, which job it works on or worked on last, is it the demo renderer."""

    idle: bool
    job_timestamp: str
    demo: bool


@dataclass(frozen=True, slots=True)
class Model:
    """A checkpoint: Forge takes its name or its title (the file's name, perhaps with a hash)."""

    name: str
    title: str

    def is_meant_by(self, asked: str) -> bool:
        """Tell whether a request that names `asked` means this one."""
        return asked in (self.name, self.title) or same_model(asked, self.name)


@dataclass(frozen=True, slots=True)
class ForgeLists:
    """What this Forge offers; `schedulers` are the labels people choose from."""

    samplers: tuple[str, ...]
    schedulers: tuple[str, ...]
    models: tuple[Model, ...]
    #: live previews are switched on at this Forge
    previews: bool
    demo: bool


def texts(records: object, field: str) -> tuple[str, ...]:
    """Return one text field of a list of records; a record without it, or with what is no name, is passed over."""
    return tuple(value for value in (record.get(field) for record in _records(records)) if _is_name(value))


def models(records: object) -> tuple[Model, ...]:
    """Return the checkpoints of GET /sd-models."""
    pairs = [(record.get("model_name"), record.get("title")) for record in _records(records)]
    return tuple(Model(name, title if _is_name(title) else name) for name, title in pairs if _is_name(name))


def _is_name(value: object) -> TypeGuard[str]:
    """Tell whether PostgreSQL takes it, and a request could name it."""
    return isinstance(value, str) and bool(value) and not UNSTORABLE.search(value)


def _records(records: object) -> Sequence[dict[str, object]]:
    return [record for record in records if isinstance(record, dict)] if isinstance(records, list) else []
