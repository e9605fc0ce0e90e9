"""`/metrics`: what this process counted, what the workers counted, and how the line and the store stand now.

Figures of the whole installation (`forgeline_jobs`, `forgeline_queue_…`, those of the workers) are the same at every
API process and host: a query takes their maximum, not their sum. What the processes of one host count each for
themselves is added up (api.metrics_folder).
"""

from flask import Blueprint, Response, request
from prometheus_client import REGISTRY, CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api.auth import Authenticator, may_read_metrics
from shared.domain.errors import Forbidden
from shared.settings import Settings


def metrics_routes(settings: Settings, authenticator: Authenticator, installation: Collector) -> Blueprint:
    """Return `/metrics`; what cannot be read now is left out, and the answer is 200 all the same."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    registry.register(_of_this_host())
    registry.register(installation)
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    def metrics() -> Response:
        """Answer everything counted, for Prometheus."""
        if not may_read_metrics(request, settings, authenticator):
            raise Forbidden
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(registry), content_type=content_type)

    return routes


def _of_this_host() -> Collector:
    try:
        together: Collector = MultiProcessCollector(None)  # type: ignore[no-untyped-call]
    except ValueError:  # one process: nobody set a folder
        return REGISTRY
    return together
