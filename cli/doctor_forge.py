"""One Forge as the doctor sees it: reachable, its dialect, what it offers, and live previews, which can hang it."""

from typing import Any

import requests

from cli.doctor_findings import Findings, advice, fault, ok
from shared.domain.fleet import DEMO_HEADER
from shared.domain.params import GenerationParams
from shared.setting_rules import without_credentials

ANSWER_S = 5.0
DEFAULT_SAMPLER = GenerationParams.model_fields["sampler_name"].default
DEFAULT_SCHEDULER = GenerationParams.model_fields["scheduler"].default

START = "start it with --api, or mend FORGE_URL"


def look_at_forge(url: str, auth: str | None) -> Findings:
    """Ask one image server everything a worker will ask of it."""
    part = f"Forge {without_credentials(url)}"
    forge = _Forge(url, auth)
    try:
        progress = forge.get("progress?skip_current_image=true")
    except requests.RequestException as error:
        yield fault(part, f"cannot be reached: {_short(error)}", START)
        return
    if progress.status_code == 401:
        yield fault(part, "wants a password", "set FORGE_AUTH to what its --api-auth says")
    elif progress.status_code == 404:
        yield fault(part, "has no API (or still starts)", "start it with --api")
    elif progress.status_code != 200:
        yield fault(part, f"answers {progress.status_code}", "see its own log, and restart it")
    else:
        demo = DEMO_HEADER in progress.headers
        yield ok(part, "answers" + (", and is the demo renderer" if demo else ""))
        yield from _manners(part, forge, demo)


def _manners(part: str, forge: "_Forge", demo: bool) -> Findings:
    try:
        options = forge.get("options")
        yield from _options(part, options.json() if options.ok else {}, demo)
        yield from _lists(part, forge)
    except (requests.RequestException, ValueError, TypeError, AttributeError) as error:
        yield fault(part, f"answers oddly: {_short(error)}", "see its own log, and restart it")


def _options(part: str, options: dict[str, Any], demo: bool) -> Findings:
    if any(name.startswith("forge_") for name in options):
        yield ok(part, "speaks the dialect of Forge")
    elif "sd_model_checkpoint" in options:
        yield ok(part, "speaks the dialect of AUTOMATIC1111")
    else:
        yield advice(part, "speaks a dialect we do not know", "use Forge or AUTOMATIC1111; others may lack what we use")
    if options.get("live_previews_enable") and not demo:
        text = "live previews are on: they are the known cause of generations that hang"
        yield advice(part, text, "switch them off in its Settings, Live previews (or PREVIEWS=off here, to use none)")
    else:
        yield ok(part, "live previews are " + ("part of the demo" if demo else "off"))


def _lists(part: str, forge: "_Forge") -> Findings:
    samplers = {entry.get("name") for entry in forge.get("samplers").json()}
    if DEFAULT_SAMPLER not in samplers:
        yield fault(part, f"has no sampler {DEFAULT_SAMPLER}, our default", "update it, or ask for another sampler")
    schedulers = forge.get("schedulers")
    labels = {entry.get("label") for entry in schedulers.json()} if schedulers.ok else set()
    if schedulers.ok and DEFAULT_SCHEDULER not in labels:
        yield advice(part, f"has no scheduler {DEFAULT_SCHEDULER}, our default", "update it: Flux needs it")
    models = forge.get("sd-models")
    if models.ok and not models.json():
        yield fault(part, "has no model", "put a checkpoint into its models/Stable-diffusion folder")
    yield ok(part, f"offers {len(samplers)} samplers, {len(labels)} schedulers")


class _Forge:
    """GETs under /sdapi/v1, without a proxy between."""

    def __init__(self, url: str, auth: str | None) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        if auth:
            user, _, password = auth.partition(":")
            self._session.auth = (user, password)

    def get(self, route: str) -> Any:
        """Ask; any status is an answer."""
        return self._session.get(f"{self._url}/sdapi/v1/{route}", timeout=ANSWER_S, allow_redirects=False)


def _short(error: Exception) -> str:
    """Say it in the words of the system, where it is the system that says no: `Connection refused`."""
    root: BaseException = error
    while inner := root.__cause__ or (None if root.__suppress_context__ else root.__context__):
        root = inner
    if isinstance(root, OSError) and root.strerror:
        return root.strerror
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
