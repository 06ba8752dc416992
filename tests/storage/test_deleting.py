"""What is deleted for good is in no page of the database any more, freed ones and log included."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cloudops_ls.storage.records import Message, Role
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.cache import VectorCache, count_kept
from tests.storage.samples import ring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.home import Home

PAGE, RESERVED = 4_096, 80
WAL_HEADER, FRAME_HEADER = 32, 24


@pytest.fixture
def store(home: Home) -> Iterator[StorageService]:
    with StorageService.open(home, keys=ring(home)) as opened:
        yield opened


def pages(home: Home) -> Iterator[bytes]:
    """Every page of the database and of its log, decrypted; SQLCipher 4's layout."""
    key = ring(home).open().reveal()
    log = home.database.with_name(home.database.name + "-wal")
    content = home.database.read_bytes()
    found = [content[start : start + PAGE] for start in range(0, len(content), PAGE)]
    frames = log.read_bytes()[WAL_HEADER:] if log.exists() else b""
    size = FRAME_HEADER + PAGE
    found += [frames[start + FRAME_HEADER : start + size] for start in range(0, len(frames), size)]
    for number, page in enumerate(found):
        # The first page begins with the salt, in the clear.
        hidden = page[16 if number == 0 else 0 : -RESERVED]
        vector = page[PAGE - RESERVED : PAGE - RESERVED + 16]
        opened = Cipher(algorithms.AES256(key), modes.CBC(vector)).decryptor()
        yield opened.update(hidden) + opened.finalize()


def holding(home: Home, needle: bytes) -> int:
    return sum(needle in page for page in pages(home))


def message(content: str) -> Message:
    return Message(role=Role.USER, content=content, timestamp=datetime(2026, 11, 25, tzinfo=UTC))


def texts(planted: str, number: int) -> list[str]:
    """Short ones and ones over several pages, as many as split pages while they are stored."""
    return [f"{planted} {n} " + "word " * (10 if n % 3 else 3_000) for n in range(number)]


def test_a_deleted_conversation_is_in_no_page(home: Home, store: StorageService) -> None:
    for number in range(40):
        for name, planted in (("gone", "planted-secret"), ("kept", "planted-other")):
            store.chat.append(name, *(message(text) for text in texts(planted, 3)))
        store.chat.append(f"other-{number}", message("between"))
    said = [one.content for one in store.chat.get_history("gone")]
    cache = VectorCache(store._database, "model", 4)
    cache.put({text: np.array([1, 2, 3, 4], np.float32) for text in [*said, "planted-other 0"]})
    assert holding(home, b"planted-secret"), "pages are read as they are"

    assert store.chat.delete("gone")
    assert not holding(home, b"planted-secret")
    assert holding(home, b"planted-other") and len(store.chat.get_history("kept")) == 120
    assert store.chat.search_conversations("planted-secret") == []
    # What they mean is gone, too.
    assert count_kept(store._database) == {("model", 4): 1}
    assert not cache.get(said)
    assert store._database.damage() is None


def test_a_reader_does_not_hold_up_a_deletion(home: Home, store: StorageService) -> None:
    store.chat.append("gone", *(message(text) for text in texts("planted-secret", 9)))
    with store._database.read() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM messages").all()
        assert store.chat.delete("gone")
    # It saw the log as it was; the next deletion or the last one to close empties it.
    store.chat.append("next", message("planted-next"))
    assert store.chat.delete("next")
    assert not holding(home, b"planted-secret") and not holding(home, b"planted-next")
