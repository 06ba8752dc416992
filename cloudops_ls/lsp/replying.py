"""Writing an answer to its place in the file, and keeping it when that place is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.assistant.redaction import redact_text
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.editing import Written, write
from cloudops_ls.lsp.guard import ask, show
from cloudops_ls.lsp.kept_reply import prompt_of
from cloudops_ls.lsp.thread import remember_file
from cloudops_ls.runbook.edits import NoPlace, insert_reply, replace_reply, set_front_matter
from cloudops_ls.runbook.reply import ReplyText, reply_digests

if TYPE_CHECKING:
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.kept_reply import KeptReply
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.lsp.thread import Thread
    from cloudops_ls.runbook.model import AssistantTurn, UserTurn
    from cloudops_ls.runbook.text import Span, TextEdit

_REPLACE = "Replace the answer"


class ReplyWriter:
    """Puts the answer to one turn where it belongs, however the file changes meanwhile.

    Parameters
    ----------
    session, document
        Where.
    turn
        The turn that is asked.
    thread
        Its id is written into the front matter with the first answer; its digests tell which
        answers are ours to replace.
    words
        The part of the turn that is asked about, where it is not the whole: the answer goes below
        whatever turn these words are in by then, or below the turn if they are gone.
    """

    def __init__(
        self,
        session: Session,
        document: RunbookDocument,
        turn: UserTurn,
        thread: Thread,
        words: Span | None = None,
    ) -> None:
        self._session = session
        self._document = document
        self._thread = thread
        self._anchor = document.anchor(turn.span)
        self._words = document.anchor(words) if words is not None else None
        self._owned = thread.digests

    async def may_replace(self, prompt: str) -> bool:
        """Ask before an answer is replaced of which a command has run, or to another question.

        A selection is another question than its paragraph; a paragraph that was edited is not.
        """
        existing = self._existing()
        if existing is None or existing.digest not in self._owned:
            return True
        if any(block.outputs for block in existing.commands):
            question = (
                "A command of this answer has been run. Ask again and replace the answer together "
                "with its output? The run stays in the log."
            )
        elif self._words is not None and prompt_of(
            self._thread.said, existing.digest
        ) != redact_text(prompt):
            question = (
                "There is an answer below this paragraph already. Replace it with the answer to "
                "the selection? The old one stays in the history."
            )
        else:
            return True
        answer = await ask(self._session.server, question, [_REPLACE], types.MessageType.Warning)
        return answer == _REPLACE

    async def write(self, reply: KeptReply) -> dict[str, Any]:
        """Write ``reply``; when its place is gone, say so and keep it."""
        try:
            written = await write(
                self._session.server,
                self._document,
                "CloudOps answer",
                lambda: self._edits(reply.text),
            )
        except NoPlace as problem:
            raise CloudOpsError(
                f"The answer could not be written: {problem.reason[0].lower()}{problem.reason[1:]}",
                where=self._document.filename,
                fix="Mend that and ask again; the answer is kept and is not asked for twice",
            ) from None
        if written is Written.DONE:
            self._session.kept_replies.pop((self._thread.id, reply.prompt), None)
            await remember_file(self._session, self._document, self._thread)
            return {"status": "answered", "kind": reply.kind}
        reason = {
            Written.NO_PLACE: "its paragraph is gone or the file was closed",
            Written.REFUSED: "the editor did not accept the change",
        }[written]
        show(
            self._session.server,
            f"The answer has arrived but was not written: {reason}. It is kept: ask the same "
            "question again to have it written.",
            types.MessageType.Warning,
        )
        return {"status": "kept", "kind": reply.kind}

    def _turn(self) -> UserTurn | None:
        """Return the turn as it stands now; None when it is gone."""
        runbook = self._document.runbook
        for anchor in (self._words, self._anchor):
            if anchor is not None and anchor.alive:
                return runbook.user_turn_at(anchor.span.start)
        return None

    def _existing(self) -> AssistantTurn | None:
        turn = self._turn()
        return self._document.runbook.assistant_turn_for(turn) if turn is not None else None

    def _edits(self, reply: ReplyText) -> list[TextEdit] | None:
        """Return the edits of the current text; see ``editing.write``."""
        runbook = self._document.runbook
        turn = self._turn()
        if turn is None:
            return None
        edits: list[TextEdit] = []
        existing = runbook.assistant_turn_for(turn)
        digests = reply_digests(reply)
        if existing is None or existing.digest not in (self._owned | {digests.quote}):
            edits.append(insert_reply(runbook, turn, reply))
        elif (existing.digest, *(block.digest for block in existing.commands)) != (
            digests.quote,
            *digests.commands,
        ):
            edits.append(replace_reply(runbook, existing, reply, self._owned))
        matter = runbook.front_matter
        named = (matter.values.get("conversation") if matter is not None else None) or None
        # An id that the user has put there meanwhile is left alone.
        if named is None or (self._thread.copied and named == self._thread.named):
            edits.append(set_front_matter(runbook, "conversation", self._thread.id))
        return edits
