"""``cloudops-ls history``, as a user runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cloudops_ls.storage.records import Message, Role
from tests.cli.test_commands import refused

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.storage.service import StorageService
    from tests.cli.test_commands import Cloudops


def say(store: StorageService, conversation: str, *texts: str) -> None:
    for text, role in zip(texts, (Role.USER, Role.ASSISTANT), strict=False):
        store.chat.append(conversation, Message(role=role, content=text))


def test_conversations_are_listed_found_labelled_and_deleted(
    cloudops: Cloudops, store: StorageService
) -> None:
    say(store, "01JONE", "Stop [red]main[/red]", "It is stopped.")
    say(store, "01JTWO", "Describe the queue", "It has 7 messages.")
    listed = [
        json.loads(line) for line in cloudops("history", "list", "--json").stdout.split("\n")[:-1]
    ]
    assert [one["id"] for one in listed] == ["01JTWO", "01JONE"]
    assert "Stop [red]main[/red]" in cloudops("history", "list").stdout

    found = cloudops("history", "search", "7 MESSAGES", "--json").stdout
    assert json.loads(found)["id"] == "01JTWO"
    assert cloudops("history", "search", "nothing-like-it").returncode == 1

    assert cloudops("history", "label", "01JONE", "friday", "db").returncode == 0
    assert cloudops("history", "label", "01JONE", "db", "--remove").returncode == 0
    labelled = cloudops("history", "list", "--label", "friday", "--json").stdout
    assert json.loads(labelled)["metadata"] == {"labels": ["friday"]}
    refused(cloudops("history", "label", "01JONE", "x" * 65), "label", "64")

    assert cloudops("history", "rename", "01JONE", "Friday's stop").returncode == 0
    assert store.chat.get_conversation("01JONE").title == "Friday's stop"  # type: ignore[union-attr]

    refused(cloudops("history", "delete", "01JONE"), "--yes")
    assert cloudops("history", "delete", "01JONE", "--yes").returncode == 0
    assert store.chat.get_all_contexts() == ["01JTWO"]
    refused(cloudops("history", "show", "01JONE"), "no such conversation", "01JONE")


def test_a_transcript_goes_into_a_new_file_only(
    cloudops: Cloudops, store: StorageService, tmp_path: Path
) -> None:
    say(store, "01JONE", "Stop main", "It is stopped.")
    assert "> It is stopped." in cloudops("history", "show", "01JONE").stdout
    page = tmp_path / "friday.html"
    command = ("history", "export", "01JONE", "--format", "html", "--output", str(page))
    assert cloudops(*command).returncode == 0
    assert "It is stopped." in page.read_text("utf-8")
    refused(cloudops(*command), "cannot be written", str(page))
