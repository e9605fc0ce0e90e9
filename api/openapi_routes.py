"""Every route in a table: what it takes and what it answers, each by the declaration that is at work there."""

from api import answers, queries
from api.openapi_parts import BINARY, TEXT, Content, Reply, Route, json_of, ok
from api.routes.session import SessionRequest
from shared.domain.errors import ErrorCode as Code
from shared.domain.params import GenerateRequest

JOB = json_of(answers.JobAnswer)
LOCATION = ("Location",)
PIXELS: Content = {"image/png": BINARY, "image/webp": BINARY}
PICTURE = Reply("The picture.", PIXELS, ("ETag", "Content-Disposition"))

FORGOTTEN = Reply("Gone.", {}, ("Set-Cookie",))
PAGE = Reply("A page.", {"text/html": TEXT}, ("ETag",))
#: what has an ETag is also answered by the request's conditions
CONDITIONAL = {
    304: Reply("Not changed."),
    412: Reply("Not the one of `If-Match`.", {"application/problem+json": answers.Problem}),
}

ROUTES = (
    Route(
        "POST",
        "/image/generate",
        "Ask for an image",
        {
            202: Reply("Accepted; the job.", JOB, LOCATION),
            200: Reply("This Idempotency-Key was used with this body before; its job.", JOB, LOCATION),
        },
        about="Accepted is answered: the job ends `complete`, `error` or `cancelled`, whatever dies in between.",
        body=GenerateRequest,
        takes_key=True,
        refusals=(Code.NOT_FOUND, Code.IDEMPOTENCY_CONFLICT, Code.QUEUE_FULL, Code.TOO_MANY_JOBS),
    ),
    Route(
        "GET",
        "/image/status",
        "The line, the workers and my unfinished jobs",
        {200: ok("As of now.", answers.StatusAnswer)},
    ),
    Route(
        "GET",
        "/image/options",
        "What may be asked for",
        {200: ok("What the workers reported, and this server's limits.", answers.OptionsAnswer)},
    ),
    Route(
        "GET",
        "/image/jobs",
        "My jobs, newest first",
        {200: ok("A page.", answers.JobsAnswer)},
        query=queries.JobsQuery,
    ),
    Route(
        "DELETE",
        "/image/jobs",
        "Cancel all my waiting jobs",
        {200: ok("How many there were.", answers.CancelledAnswer)},
        query=queries.CancelQuery,
    ),
    Route("GET", "/image/job/{id}/status", "A job", {200: Reply("The job.", JOB)}, query=queries.JobQuery),
    Route(
        "GET",
        "/image/job/{id}/preview",
        "What a job's picture looks like so far",
        {200: Reply("The preview.", {"image/jpeg": BINARY})},
        query=queries.PreviewQuery,
    ),
    Route(
        "DELETE",
        "/image/job/{id}/cancel",
        "Cancel a job",
        {200: Reply("Cancelled.", JOB), 202: Reply("Its image server is being stopped.", JOB)},
        refusals=(Code.JOB_FINISHED,),
    ),
    Route(
        "POST",
        "/image/job/{id}/retry",
        "Begin again where a job failed",
        {202: Reply("A new job on the same message.", JOB, LOCATION)},
        refusals=(Code.NOT_RETRYABLE, Code.QUEUE_FULL, Code.TOO_MANY_JOBS),
    ),
    Route(
        "POST",
        "/image/job/{id}/front",
        "Make a job the first of the line (admins)",
        {200: Reply("The job.", JOB)},
        refusals=(Code.JOB_FINISHED,),
    ),
    Route(
        "GET",
        "/conversations",
        "My conversations, newest first",
        {200: ok("A page.", answers.ConversationsAnswer)},
        query=queries.PageQuery,
    ),
    Route(
        "GET",
        "/conversations/{id}/messages",
        "A conversation's messages, oldest first",
        {200: ok("The last ones, or those before one.", answers.MessagesAnswer)},
        query=queries.MessagesQuery,
    ),
    Route(
        "DELETE", "/conversations/{id}", "Delete a conversation, its jobs, messages and images", {204: Reply("Gone.")}
    ),
    Route(
        "GET",
        "/images/{name}",
        "A stored image",
        {
            200: PICTURE,
            206: Reply("The part that was asked for.", PIXELS, ("Content-Range", "ETag")),
            **CONDITIONAL,
            416: Reply("There is no such part.", {"application/problem+json": answers.Problem}, ("Content-Range",)),
        },
        query=queries.ImageQuery,
    ),
    Route(
        "GET",
        "/images/placeholder.svg",
        "What stands in while no image server can be reached",
        {200: Reply("The placeholder.", {"image/svg+xml": TEXT}, ("ETag",)), **CONDITIONAL},
        query=None,
        public=True,
    ),
    Route("GET", "/me", "Who I am", {200: ok("Who asks.", answers.MeAnswer)}),
    Route(
        "POST",
        "/session",
        "Turn a token into a cookie",
        {200: Reply("Who asks; the cookie ends with the token.", json_of(answers.MeAnswer), ("Set-Cookie",))},
        about="The token comes in the body or in the Authorization header.",
        body=SessionRequest,
        body_required=False,
        refusals=(Code.UNAUTHENTICATED, Code.QUEUE_UNAVAILABLE),
        public=True,
    ),
    Route("DELETE", "/session", "Forget the cookie", {204: FORGOTTEN}, query=None, public=True),
    Route(
        "POST",
        "/queue/pause",
        "Start no new job (admins)",
        {200: ok("Running jobs finish, submissions are still taken.", answers.PausedAnswer)},
    ),
    Route("POST", "/queue/resume", "Start jobs again (admins)", {200: ok("They start.", answers.PausedAnswer)}),
    Route("GET", "/healthz", "The process lives", {200: ok("It does.", answers.HealthAnswer)}, query=None, public=True),
    Route(
        "GET",
        "/readyz",
        "PostgreSQL and Redis answer",
        {
            200: ok("Both do.", answers.ReadyAnswer),
            503: ok("What does not is named.", answers.ReadyAnswer),
        },
        query=None,
        public=True,
    ),
    Route(
        "GET",
        "/metrics",
        "Prometheus metrics",
        {200: Reply("Everything counted.", {"text/plain": TEXT})},
        query=None,
        refusals=(Code.UNAUTHENTICATED,),
        public=True,
    ),
    Route(
        "GET",
        "/openapi.json",
        "This document",
        {200: Reply("OpenAPI 3.1.", {"application/json": {"type": "object"}}, ("ETag",)), **CONDITIONAL},
        query=None,
        public=True,
    ),
    Route("GET", "/docs", "This document, for people", {200: PAGE, **CONDITIONAL}, query=None, public=True),
    Route("GET", "/", "The page", {200: PAGE, **CONDITIONAL}, query=None, public=True),
)
