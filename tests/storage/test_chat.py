from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cloudops_ls.storage.records import Message, Role

if TYPE_CHECKING:
    from cloudops_ls.storage.service import StorageService


def _say(content: str, role: Role = Role.USER) -> Message:
    return Message(role=role, content=content)


def test_history_comes_back_in_order_with_everything(service: StorageService) -> None:
    said = [
        Message(role=Role.USER, content="Stop pg ⚡", metadata={"resources_mentioned": ["arn:1"]}),
        Message(role=Role.ASSISTANT, content="Really?"),
        Message(role=Role.SYSTEM, content=""),
    ]
    for message in said:
        service.chat.append("thread", message)
    assert service.chat.get_history("thread") == said
    assert service.chat.get_history("thread", limit=2) == said[1:]
    assert service.chat.get_history("another") == []


def test_order_is_of_storing_whatever_the_clock_says(service: StorageService) -> None:
    late = Message(role=Role.USER, content="1", timestamp=datetime.now(UTC) + timedelta(days=1))
    early = Message(role=Role.USER, content="2", timestamp=datetime(2000, 1, 1, tzinfo=UTC))
    service.chat.append("thread", late)
    service.chat.append("thread", early)
    assert service.chat.get_history("thread") == [late, early]


def test_appending_twice_stores_once(service: StorageService) -> None:
    message = _say("hello")
    service.chat.append("thread", message)
    service.chat.append("thread", message)
    assert service.chat.get_history("thread") == [message]


def test_the_first_prompt_titles_the_conversation(service: StorageService) -> None:
    service.chat.append("thread", _say("\n  Stop the database \nnow"))
    service.chat.append("thread", _say("Second"))
    conversation = service.chat.get_conversation("thread")
    assert conversation is not None
    assert conversation.title == "Stop the database"
    service.chat.append("long", _say("x" * 200))
    long = service.chat.get_conversation("long")
    assert long is not None
    assert len(long.title) == 80


def test_contexts_are_listed_by_last_use(service: StorageService) -> None:
    for thread in ("a", "b", "a"):
        service.chat.append(thread, _say(thread))
    assert service.chat.get_all_contexts() == ["a", "b"]
    assert [each.id for each in service.chat.conversations(limit=1)] == ["a"]


def test_updating_a_context_merges_and_creates(service: StorageService) -> None:
    service.chat.update_context("thread", {"profile": "prod", "keep": 1})
    updated = service.chat.update_context("thread", {"profile": "dev"}, title="Friday")
    assert updated.metadata == {"profile": "dev", "keep": 1}
    assert service.chat.get_conversation("thread") == updated
    assert updated.title == "Friday"


def test_search_wants_every_word_somewhere_in_the_conversation(service: StorageService) -> None:
    service.chat.append("one", _say("Stop the primary database"))
    service.chat.append("one", _say("It was 100% stopped", Role.ASSISTANT))
    service.chat.append("two", _say("Start the database"))
    assert [each.id for each in service.chat.search_conversations("DATABASE")] == ["two", "one"]
    assert [each.id for each in service.chat.search_conversations("100% primary")] == ["one"]
    assert service.chat.search_conversations("d_tabase") == []
    assert service.chat.search_conversations("  ") == []


def test_deleting_takes_the_messages_along(service: StorageService) -> None:
    service.chat.append("thread", _say("hello"))
    assert service.chat.delete("thread")
    assert not service.chat.delete("thread")
    assert service.chat.get_history("thread") == []
    assert service.chat.get_all_contexts() == []
