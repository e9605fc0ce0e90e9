"""Who someone is, and which events are theirs.

Members are typed (`id:42`, `name:42`), so that a person who takes the username "42" does
not receive the events of the user whose id is 42.
"""

from dataclasses import dataclass, field
from datetime import datetime

ADMIN = "admin"
LOCAL_USER = "local"
MAX_NAME_CHARS = 255


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller: the token's `sub`, `preferred_username` and roles; `expires_at` is aware UTC."""

    user_id: str
    username: str | None = None
    roles: frozenset[str] = field(default_factory=frozenset)
    expires_at: datetime | None = None

    @property
    def is_admin(self) -> bool:
        """Whether this caller may see and cancel every job, pause and resume."""
        return ADMIN in self.roles

    def view(self, auth_mode: str) -> dict[str, object]:
        """Return who this is, as GET /me and the socket's hello tell it."""
        return {
            "user_id": self.user_id,
            "username": self.username,
            "roles": sorted(self.roles),
            "auth_mode": auth_mode,
        }

    @property
    def members(self) -> frozenset[str]:
        """The typed identity set: an event reaches this caller if the sets meet."""
        return audience_of(self.user_id, self.username)


def audience_of(user_id: str, username: str | None) -> frozenset[str]:
    """Return the typed members of an owner, e.g. `{"id:42", "name:alice"}`."""
    members = {f"id:{user_id}"}
    if username:
        members.add(f"name:{username}")
    return frozenset(members)


def is_name(text: str) -> bool:
    """Tell whether a user's id or name can be stored and shown: printable, not blank, not endless."""
    return bool(text.strip()) and len(text) <= MAX_NAME_CHARS and text.isprintable()


LOCAL_IDENTITY = Identity(LOCAL_USER, LOCAL_USER, frozenset({ADMIN}))
