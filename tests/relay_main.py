"""`python -m tests.relay_main`: the small application of `tests.relay_app`, served by the real server."""

from typing import Any

from api.serve import Served
from shared import logs
from shared.settings import Settings


class ServedFake(Served):
    """The real server around the small application."""

    def load(self) -> Any:
        """In each worker."""
        from tests.relay_app import create_app

        return create_app(self.settings, str(self.settings.redis_url))


if __name__ == "__main__":
    chosen = Settings.from_env()
    logs.configure(chosen)
    ServedFake(chosen).run()
