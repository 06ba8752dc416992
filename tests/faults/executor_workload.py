"""Approved commands whose server is killed: before, while and after they run."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.approval import Approval, ApprovalBook, ApprovalError, approval_digest
from cloudops_ls.commands.executor import Executor, Limits, Order
from cloudops_ls.commands.model import AccessLevel, CheckedCommand, Risk, RiskLevel
from cloudops_ls.commands.run import run
from cloudops_ls.storage.audit_chain import AuditEvent
from cloudops_ls.storage.records import ExecutionStatus
from cloudops_ls.storage.service import StorageService
from tests.storage.samples import ring

from .store import checked
from .workload import Child, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudops_ls.home import Home

RUN_UNRECORDED = "run before it is recorded"
"""Switch: the command runs first, and is written down afterwards."""
COMMANDS = 3
# It says in a file of its own, at once, that it has begun and that it has ended.
PROGRAM = """
import os, sys
effects, name = sys.argv[1:3]
def note(what):
    file = os.open(effects, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{what} {name}\\n".encode())
    os.close(file)
note("begin")
os.write(1, b"output of " + name.encode() + b"\\n")
note("end")
"""
PREFIX = (sys.executable, "-I", "-S", "-c", PROGRAM)


class ExecutorWorkload(Workload):
    """Approve, run and record, one command after the other, by the executor of all front ends."""

    name = "executor"

    def prepare(self, home: Home) -> None:
        StorageService.open(home, keys=ring(home)).close()

    def work(self, child: Child) -> None:
        asyncio.run(_work(child))

    def check(self, home: Home, acknowledged: Sequence[Any]) -> None:
        _wait_for_the_end(home)
        effects = Counter(_lines(home.root / "effects"))
        with checked(home) as service:
            service.executions.recover()
            found = {
                each.argv[-1]: service.executions.get(each.id) for each in service.executions.list()
            }
            entries = list(service.audit.entries())
            broken = service.audit.verify().broken
        assert broken is None, broken
        assert all(count == 1 for count in effects.values()), f"something ran twice: {effects}"
        names = {each.id: name for name, each in found.items() if each is not None}
        seen = {
            event: Counter(
                names[str(entry.execution_id)] for entry in entries if entry.event is event
            )
            for event in AuditEvent
        }
        digests = Counter(entry.details.get("approval_digest") for entry in entries)
        del digests[None]
        assert all(count == 1 for count in digests.values()), "an approval was used twice"
        for name in {line.partition(" ")[2] for line in effects}:
            assert seen[AuditEvent.APPROVED][name] == 1, f"{name} ran without a recorded approval"
            assert seen[AuditEvent.STARTED][name] == 1, f"{name} ran without a recorded start"
        for name, each in found.items():
            assert each is not None, f"{name} is gone"
            assert each.status.final, f"{name} was left {each.status}"
            if each.status is ExecutionStatus.SUCCESS:
                assert effects[f"end {name}"] == 1, f"{name} is said to have succeeded"
                assert each.output == f"output of {name}\n", f"{name} printed {each.output!r}"
                assert seen[AuditEvent.ENDED][name] == 1, f"{name} ended {seen[AuditEvent.ENDED]}"
            else:
                assert each.status is ExecutionStatus.UNKNOWN, f"{name} is {each.status}"
                assert seen[AuditEvent.UNSEEN][name] == 1, f"{name} was given up without a word"
        for what, name in acknowledged:
            assert name in found, f"{name} was approved, and is forgotten"
            if what == "ran":
                execution = found[name]
                assert execution is not None, f"{name} is gone"
                assert execution.status is ExecutionStatus.SUCCESS, f"{name} had succeeded"


async def _work(child: Child) -> None:
    with StorageService.open(child.home, keys=ring(child.home)) as store:

        async def stored(call: Callable[[StorageService], Any]) -> Any:
            return call(store)

        store.executions.recover()
        book = ApprovalBook()
        executor = Executor(stored, book, Limits(timeout=60, output=2**20), prefix=PREFIX)
        tokens = child.home.root / "tokens"
        for token, digest in map(json.loads, _lines(tokens)):
            # Approvals given before a crash are worth nothing after it.
            _expect_refusal(book, Approval(token, digest, float("inf")))
        for number in range(COMMANDS):
            name = f"{child.attempt}-{number}"
            order, digest = _order(child.home, name)
            approval = book.grant(digest)
            with tokens.open("a") as file:
                file.write(json.dumps([approval.token, digest]) + "\n")
            if RUN_UNRECORDED in child.switches:
                async for _ in run(
                    order.checked.argv, environment=order.environment, prefix=PREFIX
                ):
                    pass
            execution = await executor.approve(order, approval, digest)
            child.acknowledge(["approved", name])
            if RUN_UNRECORDED in child.switches:
                store.executions.update(execution.id, status=ExecutionStatus.RUNNING)
                store.executions.append_output(execution.id, f"output of {name}\n")
                store.executions.update(execution.id, status=ExecutionStatus.SUCCESS)
            else:
                await executor.run(order, execution)
            child.acknowledge(["ran", name])
            _expect_refusal(book, approval)


def _expect_refusal(book: ApprovalBook, approval: Approval) -> None:
    try:
        book.use(approval.token, approval.digest)
    except ApprovalError:
        return
    raise AssertionError("a used approval was taken again")


def _order(home: Home, name: str) -> tuple[Order, str]:
    command = CheckedCommand(
        text=f"aws x {name}",
        argv=("aws", str(home.root / "effects"), name),
        service="x",
        operation="X",
        command="x",
        parameters={},
        profile=None,
        region=None,
        account_id=None,
        account_alias=None,
        access=AccessLevel.WRITE,
        reveals_secret=False,
        risk=Risk(level=RiskLevel.HIGH),
    )
    # The home's name in it is how the processes are found again.
    order = Order(command, command.text, {"PATH": f"/usr/bin:/bin:{home.root}"})
    return order, approval_digest(command, "file:///friday.cloudops.md", 1)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _wait_for_the_end(home: Home) -> None:
    """Wait until no supervisor and no command is left; they must end by themselves."""
    deadline = time.monotonic() + 30
    while left := _processes_of(home):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)


def _processes_of(home: Home) -> list[str]:
    mark = str(home.root).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes():
                    found.append(f"{entry.name} {(entry / 'cmdline').read_bytes()[:80]!r}")
            except OSError:
                continue
    return found
