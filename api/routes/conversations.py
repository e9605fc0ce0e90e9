"""My conversations and their messages, each with its live job."""

import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from api.auth import current_identity
from api.context import context
from api.queries import MessagesQuery, PageQuery, Query, parse_query
from api.replies import as_json, conversation_id_of
from shared.domain.errors import FieldFault, InvalidRequest, NotFound
from shared.domain.jobs import iso
from shared.store import Conversation, Message

log = logging.getLogger(__name__)

conversations = Blueprint("conversations", __name__)


@conversations.get("/conversations")
def listing() -> Response:
    """List my conversations, the most recently used first."""
    asked = parse_query(request.args, PageQuery)
    limit = asked.limit
    page = context().store.conversations_page(current_identity().user_id, before=_cursor(asked.cursor), limit=limit + 1)
    more = len(page) > limit
    return as_json(
        {
            "conversations": [_conversation(each) for each in page[:limit]],
            "next_cursor": _cursor_after(page[limit - 1]) if more else None,
        }
    )


@conversations.get("/conversations/<conversation_id>/messages")
def messages(conversation_id: str) -> Response:
    """List a conversation's last messages, oldest first."""
    asked = parse_query(request.args, MessagesQuery)
    store = context().store
    wanted = conversation_id_of(conversation_id)
    if not store.owns_conversation(wanted, current_identity().user_id):
        raise NotFound
    page = store.messages_page(wanted, before=asked.before, limit=asked.limit + 1)
    more = len(page) > asked.limit
    shown = page[-asked.limit :]
    jobs = store.newest_jobs([message.id for message in shown])
    views = {job.message_id: view for job, view in context().live.views(list(jobs.values()))}
    return as_json({"messages": [_message(message, views.get(message.id)) for message in shown], "has_more": more})


@conversations.delete("/conversations/<conversation_id>")
def delete(conversation_id: str) -> Response:
    """Delete a conversation with its jobs, messages and images."""
    parse_query(request.args, Query)
    removed = context().store.delete_conversation(conversation_id_of(conversation_id), current_identity())
    context().announcer.publish_all(removed.changes)
    _delete_images(removed.image_names)
    return Response(status=204)


def _delete_images(names: list[str]) -> None:
    """Delete what no job shows any more; what the image store keeps is found by the retention's last step."""
    for name in names:
        try:
            context().images.delete(name)
        except OSError as error:
            log.warning("image %s of a deleted conversation is still there: %s", name, error)


def _conversation(each: Conversation) -> dict[str, Any]:
    return {
        "id": each.id,
        "title": each.title,
        "created_at": iso(each.created_at),
        "updated_at": iso(each.updated_at),
    }


def _message(message: Message, job: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "role": message.role,
        "content": message.content,
        "extra_metadata": message.extra_metadata,
        "created_at": iso(message.created_at),
        "updated_at": iso(message.updated_at),
        "job": job,
    }


def _cursor_after(each: Conversation) -> str:
    return urlsafe_b64encode(f"{each.updated_at.isoformat()} {each.id}".encode()).decode()


def _cursor(text: str | None) -> tuple[datetime, str] | None:
    if text is None:
        return None
    try:
        moment, _, conversation_id = urlsafe_b64decode(text.encode()).decode().partition(" ")
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None or not conversation_id.isprintable():
            raise ValueError(text)
        return at.astimezone(UTC), conversation_id  # PostgreSQL takes fewer offsets than Python
    except (ValueError, OverflowError, NotBase64) as error:
        raise InvalidRequest(errors=[FieldFault("cursor", "bad_cursor")]) from error
