"""The composition root of an API process: everything is built here, and connected later."""

from flask import Flask

from api.access import init_access
from api.auth import Authenticator
from api.body import request_limits
from api.context import EXTENSION, Context
from api.door import init_door
from api.doubts import Doubts
from api.errors import LOGIN_URL_KEY, init_errors
from api.feed import StoreFeed
from api.language import CONFIG_KEY
from api.metrics import metrics_routes
from api.metrics_installation import Installation
from api.openapi import openapi_routes
from api.processor import Processor
from api.routes.conversations import conversations
from api.routes.images import images
from api.routes.jobs import jobs
from api.routes.ops import ops
from api.routes.session import session_routes
from api.static import init_static
from api.ws import init_relay
from shared import redis_link
from shared.duty_clock import DutyClock
from shared.foundation import Foundation
from shared.images import open_image_store
from shared.settings import Settings
from shared.store import Caps
from shared.wakeups import BackgroundBell, Bell

#: a Redis that is silent costs one wait in so many seconds, not one for every job of a list
REDIS_REST_S = 1.0


def create_app(settings: Settings) -> Flask:
    """Return the app for `settings`, whose addresses must be set; connects to nothing yet."""
    app = Flask("forgeline", static_folder=None)
    app.url_map.merge_slashes = False  # an address that is not ours is not redirected to one that is
    app.config[CONFIG_KEY] = settings.default_locale
    app.config[LOGIN_URL_KEY] = settings.login_url
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    authenticator = Authenticator(settings)
    here = compose(settings)
    app.extensions[EXTENSION] = here
    init_errors(app)
    init_access(app)
    init_door(app, settings, authenticator, settings.redis_url)
    for routes in (jobs, conversations, images, ops):
        app.register_blueprint(routes)
    app.register_blueprint(session_routes(authenticator))
    app.register_blueprint(openapi_routes(settings))
    app.register_blueprint(metrics_routes(settings, authenticator, installation(here)))
    init_static(app)
    init_relay(
        app,
        settings=settings,
        redis_url=str(settings.redis_url),
        feed=StoreFeed(here.store, here.live),
        authenticator=authenticator,
    )
    return app


def installation(here: Context) -> Installation:
    """Build what tells `/metrics` how the whole installation stands."""
    duties = DutyClock(redis_link.connect(str(here.settings.redis_url)))
    return Installation(
        store=here.store,
        live=here.live,
        index=here.processor.index,
        duties=duties,
        seen_within_s=here.settings.lease_s,
    )


def compose(settings: Settings) -> Context:
    """Build the collaborators of one process."""
    base = Foundation.of(settings, redis_rest_s=REDIS_REST_S)
    bell = BackgroundBell(Bell(str(settings.redis_url)), workers=base.live.listeners)
    caps = Caps(max_queue=settings.max_queue, max_jobs_per_user=settings.max_jobs_per_user)
    processor = Processor(
        store=base.store,
        index=base.index,
        bell=bell,
        announcer=base.announcer,
        live=base.live,
        caps=caps,
        doubts=Doubts(store=base.store, announcer=base.announcer),
    )
    return Context(
        settings=settings,
        limits=request_limits(settings),
        store=base.store,
        live=base.live,
        announcer=base.announcer,
        processor=processor,
        images=open_image_store(settings.image_store),
        previews=base.previews,
        bell=bell,
    )
