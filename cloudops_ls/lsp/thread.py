"""Which conversation a runbook continues, also after its file was renamed or copied.

The front matter names the conversation; the store remembers which file it was last continued in.
A file that names a conversation which another existing file names too is a copy: it goes on in a
conversation of its own. Where the other file is gone, this one was renamed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pygls import uris

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.kept_reply import known_digests
from cloudops_ls.runbook.parser import parse
from cloudops_ls.storage.records import new_id

if TYPE_CHECKING:
    from pydantic import JsonValue

    from cloudops_ls.lsp.backend import Backend
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.storage.records import Message
    from cloudops_ls.storage.service import StorageService

_ID: Final = re.compile(r"[\w-]{1,64}")
_HEAD: Final = 8_192
"""Characters of another file that are read for its front matter."""


@dataclass(frozen=True, slots=True)
class Thread:
    """The conversation of one runbook.

    Attributes
    ----------
    id
        Written into the front matter with the next answer.
    named
        The id that stands there now.
    history
        What was said so far, oldest first.
    before
        What was said in the conversation of the file that this one was copied from.
    digests
        Of everything in the file that an assistant wrote, in this conversation or in the one of
        the file that it was copied from.
    """

    id: str
    named: str | None
    history: list[Message]
    before: list[Message]
    digests: frozenset[str]

    @property
    def said(self) -> list[Message]:
        """Everything that may stand in the file."""
        return [*self.before, *self.history]

    @property
    def copied(self) -> bool:
        """Whether the front matter still names the conversation of the file it was copied from."""
        return self.named is not None and self.named != self.id


async def thread_of(backend: Backend, document: RunbookDocument) -> Thread:
    """Return the conversation that ``document`` continues, or a new one.

    Raises
    ------
    CloudOpsError
        The id in the front matter is none.
    """
    matter = document.runbook.front_matter
    named = (matter.values.get("conversation") if matter is not None else None) or None
    if named is not None and not _ID.fullmatch(named):
        raise CloudOpsError(
            "The conversation id in the front matter is damaged",
            where="conversation:",
            fix="Put the old id back, or remove the line to begin a new conversation",
        )
    key = (document.uri, named)
    chosen = backend.conversations.get(key)
    if chosen is None and named is None:
        chosen = backend.conversations[key] = new_id()
    elif chosen is None:
        chosen = await _own(backend, document, named or "")
        if chosen != named:
            # Whoever asked first while the store was read has decided.
            chosen = backend.conversations.setdefault(key, chosen)

    history, before = await backend.stored(lambda store: _said(store, chosen, named))
    return Thread(chosen, named, history, before, known_digests([*before, *history]))


async def _own(backend: Backend, document: RunbookDocument, named: str) -> str:
    """Return ``named``, or a new id where another file that is still there continues it."""
    open_here = {one.uri: _named(one.source) for one in backend.open_runbooks()}

    def decide(store: StorageService) -> str:
        known = store.chat.get_conversation(named)
        elsewhere = known.file if known is not None else None
        if elsewhere is None or elsewhere == document.uri:
            return named
        other = open_here.get(elsewhere) or _named_in_file(elsewhere)
        return new_id() if other == named else named

    return await backend.stored(decide)


def _said(
    store: StorageService, id_: str, named: str | None
) -> tuple[list[Message], list[Message]]:
    """Return the messages of a conversation, and of the one it was copied from."""
    origin = named if named != id_ else None
    if origin is None:
        known = store.chat.get_conversation(id_)
        origin = known.copied_from if known is not None else None
    return store.chat.get_history(id_), store.chat.get_history(origin) if origin else []


async def remember_file(backend: Backend, document: RunbookDocument, thread: Thread) -> None:
    """Note in which file the conversation goes on, now that it stands in it."""
    backend.conversations.pop((document.uri, thread.named), None)
    changes: dict[str, JsonValue] = {"file": document.uri}
    if thread.copied:
        changes["copied_from"] = thread.named

    def note(store: StorageService) -> None:
        known = store.chat.get_conversation(thread.id)
        if known is None or any(known.metadata.get(key) != changes[key] for key in changes):
            store.chat.update_context(thread.id, changes)

    await backend.stored(note)


def is_on_disk(uri: str) -> bool:
    """Whether there is a file on this machine at ``uri``."""
    return uri.startswith("file:") and Path(uris.to_fs_path(uri) or "").is_file()


def _named_in_file(uri: str) -> str | None:
    """Return the conversation that a file on this machine names, if there is such a file."""
    if not uri.startswith("file:"):
        return None
    path = uris.to_fs_path(uri)
    try:
        with Path(path or "").open(encoding="utf-8", errors="replace", newline="") as file:
            return _named(file.read(_HEAD))
    except OSError:
        return None


def _named(text: str) -> str | None:
    matter = parse(text[:_HEAD]).front_matter
    return matter.values.get("conversation") if matter is not None else None
