"""One generation inside the lock: load, sample step by step, decode; and the ways it can fail there."""

from __future__ import annotations

import time
from functools import partial

from cli.demo_machine import Machine
from cli.demo_painter import Picture, cached, paint
from cli.demo_request import Txt2Img
from cli.demo_state import MODELS, Generation, OutOfMemoryError

POISON = "'NoneType' object has no attribute 'sd_checkpoint_info'"
KNOWN_OPTIONS = frozenset(
    {
        "sd_model_checkpoint", "forge_additional_modules", "forge_inference_memory", "forge_unet_storage_dtype",
        "CLIP_stop_at_last_layers", "samples_format", "sd_vae", "live_previews_enable", "eta_noise_seed_delta",
        "enable_pnginfo",
    }
)  # fmt: skip


def sample(machine: Machine, generation: Generation, epoch: int) -> None:
    """Fill in the generation's pictures, each with the share of its steps that was done."""
    _choose_model(machine, generation)
    _strike(machine, generation)
    _check(generation.request)
    _load(machine, generation, epoch)
    for number in range(generation.request.n_iter or 1):
        if machine.state.interrupted:
            break
        _one_image(machine, generation, epoch, number)
    machine.hold("decoding", generation, epoch)


def _choose_model(machine: Machine, generation: Generation) -> None:
    """Take the model that is asked for, if it is known; a different one heals what a failed load poisoned."""
    asked = (generation.request.override_settings or {}).get("sd_model_checkpoint")
    generation.model = next((name for name in MODELS if asked in (name, f"{name}.safetensors")), machine.model)
    if machine.poisoned and generation.model != machine.poisoned:
        machine.poisoned = ""


def _strike(machine: Machine, generation: Generation) -> None:
    """Raise what Forge raises before it samples anything."""
    fault = generation.fault
    kind = fault.kind if fault else None
    if kind == "bad_model":
        machine.poisoned = generation.model
        raise RuntimeError("Failed to recognize model type!")
    if machine.poisoned or kind == "poisoned":
        raise AttributeError(POISON)
    if kind == "oom":
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 4.50 GiB. GPU 0 has a total capacity of 8.00 GiB")
    if kind == "type_error":
        raise TypeError("unsupported operand type(s) for +: 'NoneType' and 'int'")
    if kind == "cuda":
        raise RuntimeError("CUDA error: device-side assert triggered")
    if fault and kind == "status" and fault.status == 500:
        raise RuntimeError(fault.message)


def _check(request: Txt2Img) -> None:
    """Fail where Forge fails: late, and with whatever Python says."""
    assert request.prompt is not None and request.negative_prompt is not None  # noqa: S101  # Forge's own, empty text
    if request.infotext is not None:
        raise TypeError("isinstance() argument 2 cannot be a parameterized generic")
    if request.n_iter == 0 or request.batch_size == 0:
        raise IndexError("list index out of range")
    if request.enable_hr and request.hr_additional_modules is None:
        raise TypeError("argument of type 'NoneType' is not iterable")
    if request.refiner_checkpoint:
        raise RuntimeError(f"Could not find checkpoint with name {request.refiner_checkpoint}")
    unknown = next((key for key in request.override_settings or {} if key not in KNOWN_OPTIONS), None)
    if unknown is not None:
        raise KeyError(unknown)


def _load(machine: Machine, generation: Generation, epoch: int) -> None:
    machine.hold("loading", generation, epoch)
    if machine.loaded != generation.model:
        machine.pause(machine.pace.load_seconds, epoch, until=lambda: False)
        machine.loaded = generation.model


def _one_image(machine: Machine, generation: Generation, epoch: int, number: int) -> None:
    request, state = generation.request, machine.state
    steps = _steps(request)
    with machine.changed:
        state.job_count, state.job_no, state.skipped = request.n_iter or 1, number, False
        if state.job_count > 1:
            state.job = f"Batch {number + 1} out of {state.job_count}"
    pictures = _pictures(machine, generation, number)
    began = time.monotonic() - (0.0 if number else _already_spent_s(machine, generation))
    state.sampling_steps = steps
    for step in range(steps):
        state.sampling_step = step
        machine.picture = pictures[0]
        _one_step(machine, generation, epoch, began + (step + 1) * _pace(machine, generation, steps))
        if state.interrupted or state.skipped:
            generation.pictures += [(picture, (step + 1) / (steps + 1)) for picture in pictures]
            return
    generation.pictures += [(picture, 1.0) for picture in pictures]


def _one_step(machine: Machine, generation: Generation, epoch: int, deadline: float) -> None:
    state = machine.state
    share = state.sampling_step / state.sampling_steps
    machine.hold(share, generation, epoch)
    _suffer(machine, generation, epoch, share)
    machine.pause(max(0.0, deadline - time.monotonic()), epoch, until=lambda: state.interrupted or state.skipped)


def _suffer(machine: Machine, generation: Generation, epoch: int, share: float) -> None:
    """Hang or lose the client at the point the fault names."""
    fault = generation.fault
    if fault is None or isinstance(fault.at, str) or share < fault.at:
        return
    if fault.kind == "drop":
        generation.cut(b"")
    if fault.kind == "proxy":
        generation.cut(f"HTTP/1.1 {fault.status} Proxy\r\nContent-Length: 0\r\n\r\n".encode())
    if fault.kind == "hang":
        machine.pause(None, epoch, until=partial(_is_let_go, machine, machine.faults.cleared, fault.stubborn))


def _is_let_go(machine: Machine, cleared_before: int, stubborn: bool) -> bool:
    """Tell whether what hangs goes on: its fault was cleared, or it was interrupted and heeds that."""
    return machine.faults.cleared != cleared_before or (machine.state.interrupted and not stubborn)


def _steps(request: Txt2Img) -> int:
    steps = request.steps
    if steps is None or steps < 0:
        raise RuntimeError("Number of steps must not be negative")
    if steps == 0:
        raise ZeroDivisionError("integer division or modulo by zero")
    return steps


def _pace(machine: Machine, generation: Generation, steps: int) -> float:
    if generation.fault and generation.fault.kind == "slow":
        return generation.fault.step_seconds
    whole = machine.pace.job_seconds
    return machine.pace.step_seconds if whole is None else whole / steps


def _already_spent_s(machine: Machine, generation: Generation) -> float:
    """Return what the reading of the request took of a job whose whole length is set."""
    if machine.pace.job_seconds is None:
        return 0.0
    return machine.started_at - max(generation.began, machine.free_since)


def _pictures(machine: Machine, generation: Generation, number: int) -> list[Picture]:
    request, batch = generation.request, generation.request.batch_size or 1
    size = ((request.width or 0) // 8 * 8, (request.height or 0) // 8 * 8)
    if min(size) < 16:
        raise RuntimeError("Calculated padded input size per channel is smaller than the kernel size")
    seeds = range(generation.seed + number * batch, generation.seed + (number + 1) * batch)
    if machine.pace.payload != "painted":
        return [cached(machine.pace.payload, size) for _ in seeds]
    return [paint(request.prompt or "", seed, size) for seed in seeds]
