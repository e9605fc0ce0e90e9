"""What the stand-in shows: the committed page's files, painted pictures, the options of a server."""

import functools
import mimetypes
from pathlib import Path

from flask import Response

from cli.demo_painter import Picture, paint
from shared.domain.params import PRESETS
from tests.e2e.mock_facts import DEFAULTS, Json

DIST = Path(__file__).parents[2] / "api" / "web" / "dist"
PLACEHOLDER = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512"><rect width="512" height="512" '
    'fill="#8a8690" fill-opacity=".14"/><g fill="none" stroke="#8a8690" stroke-width="10" stroke-linejoin="round">'
    '<rect x="136" y="166" width="240" height="180" rx="18"/><path d="M146 326l74-70 44 42 40-34 62 60"/></g></svg>'
)


class Quality:
    """Pictures are painted at a fraction of their size: tests want speed, screenshots want the whole."""

    divisor = 4


def picture(job: Json, share: float) -> Response:
    """Return a job's picture after a share of its steps."""
    size = (job["params"]["width"] // Quality.divisor, job["params"]["height"] // Quality.divisor)
    painted = _painted(job["prompt"], size)
    return Response(painted.encoded(1.0, "demo") if share >= 1 else painted.preview(share), mimetype="image/png")


@functools.lru_cache(maxsize=32)
def _painted(prompt: str, size: tuple[int, int]) -> Picture:
    return paint(prompt, 1234, size)


def asset(file: Path) -> Response:
    """Return a file of the bundle, to be kept for ever."""
    if not file.is_file():
        return Response(status=404)
    answer = Response(file.read_bytes(), mimetype=mimetypes.guess_type(file.name)[0])
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer


def options(demo: bool) -> Json:
    """Return what GET /image/options answers."""
    return {
        "samplers": ["Euler", "Euler a", "DPM++ 2M", "DPM++ SDE", "UniPC"],
        "schedulers": ["Simple", "Automatic", "Karras", "SGM Uniform", "Beta"],
        "models": [{"name": "flux1-dev", "title": "flux1-dev-bnb-nf4.safetensors"}, {"name": "sdxl", "title": "sdxl"}],
        "defaults": DEFAULTS,
        "limits": {
            "max_prompt_chars": 2000, "max_pixels": 4194304, "max_steps": 150,
            "min_side": 64, "max_side": 2048, "side_step": 8,
        },
        "presets": [{"name": name, "width": width, "height": height} for name, width, height in PRESETS],
        "demo": demo,
    }  # fmt: skip
