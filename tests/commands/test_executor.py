"""What is approved is what runs, once, and what is recorded."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudops_ls.commands.approval import ApprovalBook, ApprovalError, approval_digest
from cloudops_ls.commands.check import CommandChecker
from cloudops_ls.commands.executor import Executor, Limits, Order, Outcome
from cloudops_ls.commands.model import CommandContext
from cloudops_ls.home import Home
from cloudops_ls.storage import executions
from cloudops_ls.storage.records import ExecutionStatus
from cloudops_ls.storage.service import StorageService
from tests.storage.samples import ring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.commands.parser import CommandParser

CONTEXT = CommandContext(profile="production", region="us-west-2", account_id="123456789012")
LIMITS = Limits(timeout=60, output=2**20)
RECORDER = (
    *(sys.executable, "-I", "-S", "-X", "utf8", "-c"),
    "import json,sys; print(json.dumps(sys.argv[1:]))",
)
TEXTS = st.text(
    alphabet=st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp")), max_size=40
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StorageService]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    home = Home(tmp_path / "home")
    with StorageService.open(home, keys=ring(home)) as opened:
        yield opened


@pytest.fixture
def checker(parser: CommandParser, classifier: Classifier) -> CommandChecker:
    return CommandChecker(parser, classifier, lambda _: ())


def executor_on(store: StorageService, book: ApprovalBook) -> Executor:
    async def stored(call: Callable[[StorageService], Any]) -> Any:
        return call(store)

    return Executor(stored, book, LIMITS, prefix=RECORDER)


def order_for(checked: CheckedCommand) -> Order:
    return Order(checked, checked.text, {"PATH": "/usr/bin:/bin"})


async def run(store: StorageService, checked: CheckedCommand) -> Outcome:
    book = ApprovalBook()
    executor = executor_on(store, book)
    digest = approval_digest(checked, "file:///x", 1)
    execution = await executor.approve(order_for(checked), book.grant(digest), digest)
    return await executor.run(order_for(checked), execution)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=TEXTS.filter(lambda text: not text.startswith(("-", "file://", "fileb://"))))
def test_what_is_approved_is_what_runs_and_what_is_recorded(
    store: StorageService, checker: CommandChecker, value: str
) -> None:
    text = f"aws ssm put-parameter --name n --type String --value {shlex.quote(value)}"
    checked = checker.check(text, CONTEXT)
    outcome = asyncio.run(run(store, checked))
    assert outcome.status is ExecutionStatus.SUCCESS
    words = ["ssm", "put-parameter", "--name", "n", "--type", "String", "--value", value]
    got = json.loads(outcome.output.text)
    # The child's words, the approved ones, the recorded ones, and what was written: all the same.
    assert got == [*words, "--profile", "production", "--region", "us-west-2"]
    assert ("aws", *got) == checked.argv
    recorded = store.executions.get(outcome.execution_id)
    assert recorded is not None
    assert recorded.argv == checked.argv
    *_, approved = store.audit.list(execution_id=outcome.execution_id)
    assert approved.details["argv"] == list(checked.argv)


async def test_an_approval_lets_one_command_run_once(
    store: StorageService, checker: CommandChecker
) -> None:
    book = ApprovalBook()
    executor = executor_on(store, book)
    one = checker.check("aws s3 ls", CONTEXT)
    other = checker.check("aws s3 rb s3://b", CONTEXT)
    digest = approval_digest(one, "file:///x", 1)
    for order, bound in (
        (order_for(other), approval_digest(other, "file:///x", 1)),
        (order_for(one), approval_digest(one, "file:///x", 2)),
        (order_for(one), approval_digest(one, "file:///y", 1)),
        (order_for(one), approval_digest(one, "file:///x", 1, "another policy")),
    ):
        with pytest.raises(ApprovalError):
            await executor.approve(order, book.grant(digest), bound)
    approval = book.grant(digest)
    await executor.approve(order_for(one), approval, digest)
    with pytest.raises(ApprovalError):
        await executor.approve(order_for(one), approval, digest)
    assert len(store.executions.list()) == 1


async def test_output_that_comes_at_the_last_moment_is_stored_whole(
    store: StorageService, checker: CommandChecker
) -> None:
    heard: list[str] = []
    book = ApprovalBook()

    async def stored(call: Callable[[StorageService], Any]) -> Any:
        return await asyncio.to_thread(call, store)

    code = "import sys\nfor n in range(2000): sys.stdout.write(f'line {n}\\n')"
    executor = Executor(stored, book, LIMITS, prefix=(sys.executable, "-c", code))
    checked = checker.check("aws s3 ls", CONTEXT)
    digest = approval_digest(checked, "file:///x", 1)
    execution = await executor.approve(order_for(checked), book.grant(digest), digest)
    outcome = await executor.run(order_for(checked), execution, on_output=heard.append)
    kept = store.executions.get(execution.id)
    assert kept is not None
    assert kept.output == outcome.output.text == "".join(heard)
    assert kept.output == "".join(f"line {n}\n" for n in range(2000))
    assert store.audit.verify().intact


async def test_output_of_any_length_is_stored_whole_and_held_by_nobody(
    store: StorageService, checker: CommandChecker
) -> None:
    book = ApprovalBook()
    largest = 0

    async def stored(call: Callable[[StorageService], Any]) -> Any:
        nonlocal largest
        # What waits to be stored is bounded, so a slow disk slows the command down.
        largest = max(largest, *(len(each) for each in _texts_in(call)), 0)
        return await asyncio.to_thread(call, store)

    line = "x" * 1023 + "\n"
    code = f"import sys\nfor n in range(24 * 1024): sys.stdout.write({line!r})"
    executor = Executor(stored, book, Limits(60, 2**30), prefix=(sys.executable, "-c", code))
    checked = checker.check("aws s3 ls", CONTEXT)
    digest = approval_digest(checked, "file:///x", 1)
    execution = await executor.approve(order_for(checked), book.grant(digest), digest)
    outcome = await executor.run(order_for(checked), execution)
    assert outcome.status is ExecutionStatus.SUCCESS and outcome.error is None
    assert outcome.output.length == store.executions.output_length(execution.id) == 24 * 2**20
    assert len(outcome.output.text) < 2**20
    assert 0 < largest < 5 * 2**20
    assert all(set(piece) == {"x", "\n"} for piece in store.executions.output(execution.id))
    assert store.audit.verify().intact


async def test_a_command_goes_on_where_there_is_no_room_for_its_output(
    store: StorageService, checker: CommandChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions, "RESERVE", 2**62)
    outcome = await run(store, checker.check("aws s3 ls", CONTEXT))
    assert outcome.status is ExecutionStatus.SUCCESS
    assert outcome.error is not None and "was dropped" in outcome.error
    (kept,) = store.executions.list()
    assert (kept.status, kept.error) == (ExecutionStatus.SUCCESS, outcome.error)


def _texts_in(call: Callable[[StorageService], Any]) -> list[str]:
    """Return the texts that a call on the store carries."""
    cells = call.__closure__ or ()
    return [cell.cell_contents for cell in cells if isinstance(cell.cell_contents, str)]
