"""What is asked of conversations and their messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_

from shared.store.connected import Connected
from shared.store.tables import conversations, messages


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as its row says."""

    id: int
    conversation_id: str
    role: str
    content: str
    extra_metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation, as its row says."""

    id: str
    user_id: str
    title: str
    created_at: datetime
    updated_at: datetime


class Threads(Connected):
    """Reads of conversations; none of them changes anything."""

    def conversations_page(
        self, user_id: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> list[Conversation]:
        """Return one user's conversations, the most recently used first."""
        mine = conversations.c.user_id == user_id
        key = tuple_(conversations.c.updated_at, conversations.c.id)
        query = select(conversations).where(mine)
        if before is not None:
            query = query.where(key < tuple_(*before))
        query = query.order_by(conversations.c.updated_at.desc(), conversations.c.id.desc())
        with self._single() as connection:
            return [Conversation(*row) for row in connection.execute(query.limit(limit))]

    def owns_conversation(self, conversation_id: str, user_id: str) -> bool:
        """Whether the conversation exists and is this user's."""
        query = select(conversations.c.id).where(
            conversations.c.id == conversation_id, conversations.c.user_id == user_id
        )
        with self._single() as connection:
            return connection.execute(query).one_or_none() is not None

    def messages_page(self, conversation_id: str, *, before: int | None, limit: int) -> list[Message]:
        """Return the last `limit` messages before message id `before`, oldest first."""
        query = select(messages).where(messages.c.conversation_id == conversation_id)
        if before is not None:
            query = query.where(messages.c.id < before)
        query = query.order_by(messages.c.id.desc()).limit(limit)
        with self._single() as connection:
            rows = [Message(*row) for row in connection.execute(query)]
        return rows[::-1]
