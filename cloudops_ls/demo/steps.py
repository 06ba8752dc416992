"""The steps of the tour: each is done through the language server, and checked."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.columns import Columns
from rich.spinner import Spinner
from rich.text import Text

from cloudops_ls.demo.cloud import ACCOUNTS, PRODUCTION, Region
from cloudops_ls.demo.editor import Editor
from cloudops_ls.demo.estate import fill
from cloudops_ls.demo.sandbox import SETTINGS, Sandbox
from cloudops_ls.demo.screen import (
    ABOVE,
    HEIGHT,
    completion_list,
    draw_editor,
    hover_card,
    progress_line,
)
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.runbook.parser import parse

if TYPE_CHECKING:
    from lsprotocol import types
    from rich.console import RenderableType

    from cloudops_ls.demo.stage import Stage
    from cloudops_ls.runbook.model import Command

WISH = "🛑 Stop "
DATABASE = "pg-instance-main1"
SHORT = "pg-ins"
"""What is typed of it before the completion is taken."""
AMBIGUOUS = "web-1"
WORK_SECONDS = 120.0
STATE_SECONDS = 20.0
"""Longest wait for a state in the hover card to follow AWS."""
KEY_SECONDS = 0.07
LOOK_SECONDS = 1.6
TALL = 22
"""Lines of the file in view where an answer is shown."""


class NotObservedError(CloudOpsError):
    """A step did not show what it promises."""

    def __init__(self, what: str, said: str | None = None) -> None:
        super().__init__(
            f"The demo did not see what it should: {what}",
            fix=f"The language server said: {said}" if said else None,
        )


class Steps:
    """One run through the demo.

    Parameters
    ----------
    stage
        Where it is shown.
    sandbox
        Where it happens.

    Attributes
    ----------
    refused
        Whether the operator said no to the command.
    """

    def __init__(self, stage: Stage, sandbox: Sandbox) -> None:
        self._stage = stage
        self._sandbox = sandbox
        self._editor = Editor(answer=stage.answer, redraw=stage.redraw)
        self._popup: RenderableType | None = None
        self._lenses: dict[str, str] = {}
        self._busy = False
        self._height, self._above = HEIGHT, ABOVE
        self._made: Counter[str] = Counter()
        self._number = 0
        # A person may take their time with a question.
        self._patience = WORK_SECONDS if stage.answers_itself else None
        self.refused = False

    async def run(self) -> None:
        """Show every step.

        Raises
        ------
        CloudOpsError
            A step failed, or did not show what it should.
        """
        try:
            await self._start_cloud()
            await self._scan()
            await self._complete_name()
            await self._hover_before()
            await self._ask()
            await self._execute()
            await self._hover_after()
            await self._complete_ambiguous_name()
            self._editor.save()
        finally:
            await self._editor.close()

    async def _start_cloud(self) -> None:
        self._step(
            "A stand-in AWS",
            "[bold]moto[/] plays AWS on a loopback port, with two accounts in two regions. No "
            "account of yours is touched, nothing leaves this machine, and everything lives in a "
            "temporary home.",
        )
        made = self._made
        waiting = Spinner("dots", Text("Starting it and filling it …"))
        with self._stage.picture(lambda: _inventory(made) if made else waiting):
            made.update(await self._fill_cloud())
        accounts = " and ".join(f"{one.alias} ({one.account_id})" for one in ACCOUNTS)
        self._stage.done(f"{made.total()} resources of {len(made)} types in {accounts}")
        await self._stage.pause(LOOK_SECONDS)

    async def _fill_cloud(self) -> Counter[str]:
        cloud = self._sandbox.cloud
        starting = asyncio.create_task(asyncio.to_thread(cloud.start))
        filling: asyncio.Task[Counter[str]] | None = None
        try:
            await asyncio.shield(starting)
            filling = asyncio.create_task(asyncio.to_thread(fill, cloud))
            return await asyncio.shield(filling)
        except asyncio.CancelledError:
            # A thread cannot be cancelled, and nothing may be written once the sandbox is gone.
            # Without its cloud the filling fails at its next step.
            await asyncio.gather(starting, return_exceptions=True)
            cloud.stop()
            if filling is not None:
                await asyncio.gather(filling, return_exceptions=True)
            raise

    async def _scan(self) -> None:
        self._step(
            "Scan the estate",
            "The editor starts the language server over stdio and opens the runbook. "
            "[bold]Scan the Estate[/] reads every account and region into an encrypted store.",
        )
        editor = self._editor
        await editor.start(
            [sys.executable, "-m", "cloudops_ls"],
            environment=self._sandbox.environment(),
            folder=self._sandbox.folder,
            settings=SETTINGS,
        )
        editor.open(self._sandbox.runbook)
        with self._stage.picture(self._paint):
            scanned = await self._work("cloudops.scanEstate", {})
        self._require(scanned.get("status") == "complete", "a complete scan")
        self._require(scanned.get("resources", 0) >= self._made.total(), "every resource scanned")
        self._require(bool(editor.work and editor.work.lines), "the progress of the scan")
        found = await editor.execute(
            "cloudops.searchResources", {"query": DATABASE}, seconds=WORK_SECONDS
        )
        self._require(DATABASE in str(found), f"{DATABASE} among the scanned resources")
        self._stage.done(
            f"{scanned['resources']} resources are in the store, and its search finds {DATABASE}"
        )
        await self._stage.pause(LOOK_SECONDS)

    async def _complete_name(self) -> None:
        self._step(
            "Write what you want",
            "The runbook is plain Markdown; a paragraph is a question. Names of your estate "
            "complete while you type them, or on purpose after [bold]@[/].",
        )
        editor = self._editor
        editor.buffer.cursor = editor.buffer.after("ask CloudOps. -->\n")
        with self._stage.picture(self._paint):
            self._open_line()
            await self._type(WISH)
            item = await self._type_and_complete(SHORT, DATABASE)
        self._stage.done(f"The server completed {DATABASE} from “{SHORT}”")
        await self._stage.pause(LOOK_SECONDS)
        with self._stage.picture(self._paint):
            self._popup = None
            editor.accept(item)
            await self._stage.pause(LOOK_SECONDS / 2)
            await self._type(" before the migration.")
        self._require(
            f"\n{WISH}{DATABASE} before the migration.\n" in editor.buffer.text,
            "the name of the database in the paragraph",
        )
        await self._stage.pause(LOOK_SECONDS)

    async def _hover_before(self) -> None:
        self._step("Look before you leap", "Hovering a name shows what is known about it.")
        card = await self._hover(DATABASE, "available")
        self._require("postgres" in card.casefold(), "the engine in the hover card")
        self._require("14.7" in card, "the engine's version in the hover card")
        self._stage.done("The hover card knows the database, and that it is available")
        await self._stage.pause(LOOK_SECONDS)

    async def _ask(self) -> None:
        self._step(
            "Ask",
            "[bold]Ask CloudOps[/] sends the paragraph with what is known about the resources in "
            "it. The answer is written below it, into the file. Here the built-in planner answers, "
            "without network; a CloudOps server takes its place by one setting.",
        )
        editor = self._editor
        place = editor.at(editor.buffer.after(WISH))
        with self._stage.picture(self._paint):
            await self._work("cloudops.sendParagraph", place)
            # The whole answer is worth seeing.
            self._height, self._above = TALL, 0.9
            editor.buffer.cursor = self._proposal().span.start
            self._stage.redraw()
            await self._stage.pause(LOOK_SECONDS)
            await self._fetch_lenses()
        self._require("> **CloudOps:**" in editor.buffer.text, "the reply in the runbook")
        title = self._lenses.get(self._proposal().text, "")
        self._require("risk" in title, "the risk of the proposed command")
        self._stage.done(f"The reply is in the file, and above its command: {title}")
        await self._stage.pause(LOOK_SECONDS)

    async def _execute(self) -> None:
        self._step(
            "Run it, after a look at what it does",
            "Nothing runs without your answer, and the answer holds for exactly this command in "
            "exactly this file, once.",
        )
        editor = self._editor
        asked = len(self._stage.questions)
        with self._stage.picture(self._paint):
            self._height, self._above = HEIGHT, 0.2
            await self._work("cloudops.executeCommand", editor.at(self._proposal().span.start))
            await self._fetch_lenses()
        self._height, self._above = HEIGHT, ABOVE
        questions = self._stage.questions[asked:]
        self._require(bool(questions), "a question before the command is run")
        self.refused = any(choice != question.yes for question, choice in questions)
        output = self._proposal().output
        if self.refused:
            self._require(output is None, "that a refused command is not run")
            self._stage.done("You said no, and nothing was run")
            return
        self._require(bool(editor.work and editor.work.lines), "the output while it streamed")
        self._require(output is not None, "the output of the command in the runbook")
        if output is not None:
            self._require(output.status == "success", f"success, not “{output.status}”")
            self._require(DATABASE in output.content, "AWS' answer in the output")
        self._stage.done("The command ran in a process of its own; its output is in the file")
        await self._stage.pause(LOOK_SECONDS)

    async def _hover_after(self) -> None:
        if self.refused:
            self._step("Look again", "The database is as it was.")
            await self._hover(DATABASE, "available")
            self._stage.done("The database is still available")
        else:
            self._step("Look again", "What a command touched is read again afterwards.")
            await self._hover(DATABASE, "stopping", "stopped")
            self._stage.done("The hover card follows: the database is stopped")
        await self._stage.pause(LOOK_SECONDS)

    async def _complete_ambiguous_name(self) -> None:
        self._step(
            "A name that is not unique",
            f"Both accounts have a [bold]{AMBIGUOUS}[/] in both regions. The completion then "
            "writes a link to exactly one of them, which still reads well.",
        )
        editor = self._editor
        editor.buffer.cursor = editor.buffer.after("pick the one you mean. -->\n")
        arn = f"arn:aws:ec2:{Region.IRELAND}:{PRODUCTION.account_id}:instance/"
        with self._stage.picture(self._paint):
            self._open_line()
            await self._type("Describe ")
            item = await self._type_and_complete(AMBIGUOUS, AMBIGUOUS, arn)
        await self._stage.pause(LOOK_SECONDS)
        with self._stage.picture(self._paint):
            self._popup = None
            editor.accept(item)
            await self._type(".")
        self._require(
            f"[{AMBIGUOUS}]({arn}" in editor.buffer.text, "a link to the one that was picked"
        )
        self._stage.done(f"The paragraph means the {AMBIGUOUS} in Ireland, and no other")

    def _open_line(self) -> None:
        """Make an empty paragraph at the cursor and put the cursor into it."""
        self._editor.type("\n\n")
        self._editor.buffer.cursor -= 1

    async def _type(self, text: str) -> None:
        for character in text:
            self._editor.type(character)
            await self._stage.pause(KEY_SECONDS)

    async def _type_and_complete(
        self, text: str, label: str, inserts: str = ""
    ) -> types.CompletionItem:
        """Type ``text`` with the popup following, and return the item to take."""
        items: list[types.CompletionItem] = []
        for character in text:
            self._editor.type(character)
            items = await self._editor.complete()
            self._popup = completion_list(items) if items else None
            self._stage.redraw()
            await self._stage.pause(KEY_SECONDS * 4)
        for index, item in enumerate(items):
            edit = item.text_edit
            if item.label == label and edit is not None and inserts in edit.new_text:
                self._popup = completion_list(items, index)
                self._stage.redraw()
                return item
        raise NotObservedError(f"a completion for {label}")

    async def _hover(self, name: str, *states: str) -> str:
        """Show the hover card of a name once it tells one of ``states``."""
        editor = self._editor
        editor.buffer.cursor = editor.buffer.after(f"{WISH}{name}") - len(name) // 2
        seen = re.compile(rf"\b({'|'.join(states)})\b")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STATE_SECONDS
        with self._stage.picture(self._paint):
            while True:
                card = await editor.hover(editor.buffer.cursor)
                self._popup = hover_card(card) if card else None
                self._stage.redraw()
                if seen.search(card):
                    break
                if loop.time() > deadline:
                    raise NotObservedError(f"the state “{states[-1]}” in the hover card")
                await asyncio.sleep(0.2)
            await self._stage.pause(LOOK_SECONDS)
        self._popup = None
        return card

    async def _work(self, command: str, argument: dict[str, Any]) -> Any:
        """Run a server command with its progress in the picture; return its result."""
        self._busy = True
        try:
            result = await self._editor.execute(command, argument, seconds=self._patience)
        finally:
            self._busy = False
            self._stage.redraw()
        # What the server sends right after its answer belongs to the same picture.
        await asyncio.sleep(0.1)
        return result

    async def _fetch_lenses(self) -> None:
        lines = self._editor.buffer.text.split("\n")
        self._lenses = {
            lines[lens.range.start.line]: lens.command.title
            for lens in await self._editor.lenses()
            if lens.command is not None
        }
        self._stage.redraw()

    def _proposal(self) -> Command:
        """Return the command that the reply proposes."""
        for command in parse(self._editor.buffer.text).commands:
            if "stop-db-instance" in command.text and DATABASE in command.text:
                return command
        raise NotObservedError("a proposed command that stops the database")

    def _paint(self) -> RenderableType:
        work = self._editor.work
        return draw_editor(
            self._stage.console,
            self._editor.buffer,
            popup=self._popup,
            lenses=self._lenses,
            status=progress_line(work) if self._busy and work is not None and work.title else None,
            height=self._height,
            above=self._above,
        )

    def _step(self, title: str, explanation: str) -> None:
        self._number += 1
        self._stage.step(self._number, title, explanation)

    def _require(self, seen: bool, what: str) -> None:
        if not seen:
            said = self._editor.messages[-1:]
            raise NotObservedError(what, *said)


def _inventory(made: Counter[str]) -> Columns:
    """Return the counts by type, in columns."""
    return Columns(
        [f"{count:>3} {kind.replace('_', ' ')}s" for kind, count in made.most_common()],
        padding=(0, 3),
    )
