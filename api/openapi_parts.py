"""What a row of the route table says: an operation, its answers and its refusals."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import BaseModel

from api import queries
from api.limits import SIGN_OUT
from shared.domain.errors import ErrorCode as Code

CHAPTERS = {
    "image": "jobs",
    "images": "images",
    "conversations": "conversations",
    "me": "identity",
    "session": "identity",
    "queue": "operators",
}

#: What a media type says of itself when no declaration does.
TEXT = {"type": "string"}
BINARY: dict[str, str] = {}

Content = dict[str, type[BaseModel] | dict[str, str]]


def json_of(model: type[BaseModel]) -> Content:
    """An answer in JSON."""
    return {"application/json": model}


@dataclass(frozen=True, slots=True)
class Reply:
    """One good answer: what it means, what is in it, which headers it brings."""

    meaning: str
    content: Content = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One operation."""

    method: str
    path: str
    summary: str
    replies: dict[int, Reply]
    about: str = ""
    query: type[queries.Query] | None = queries.Query
    body: type[BaseModel] | None = None
    body_required: bool = True
    takes_key: bool = False
    refusals: tuple[Code, ...] = ()
    public: bool = False

    @property
    def tag(self) -> str:
        """The chapter it stands in."""
        first = self.path.strip("/").split("/")[0]
        return CHAPTERS.get(first, "service")

    @property
    def operation_id(self) -> str:
        """A name for generated clients."""
        words = [word for word in self.path.replace("{", "").replace("}", "").replace(".", "/").split("/") if word]
        return "_".join([self.method.lower(), *words])

    @property
    def all_refusals(self) -> Iterator[Code]:
        """The codes of every refusal: the route's own, and the door's."""
        yield from self.refusals
        yield from (Code.FORBIDDEN, Code.PAYLOAD_TOO_LARGE, Code.INTERNAL)
        if self.query is not None:
            yield Code.INVALID_REQUEST
        if not self.public:
            yield from (Code.UNAUTHENTICATED, Code.QUEUE_UNAVAILABLE)
        if self.method != "GET":
            yield Code.CSRF_REFUSED
            if (self.method, self.path) != SIGN_OUT:
                yield Code.RATE_LIMITED
        if self.body is not None:
            yield from (Code.INVALID_REQUEST, Code.UNSUPPORTED_MEDIA_TYPE)
        if "{" in self.path:
            yield Code.NOT_FOUND


def ok(meaning: str, model: type[BaseModel]) -> Reply:
    """A good answer in JSON."""
    return Reply(meaning, json_of(model))
