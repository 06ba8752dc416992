"""Work on the store that is killed: a sync, a conversation, the record of executions."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from alembic import command
from sqlalchemy import text

from cloudops_ls.storage import opening, rotation
from cloudops_ls.storage.database import Database
from cloudops_ls.storage.migrate import configuration
from cloudops_ls.storage.records import Execution, ExecutionStatus, Message, Role, ScopeStatus
from cloudops_ls.storage.schema import HEAD
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.sqlcipher import SqlCipher
from tests.storage.samples import ACCOUNT, REGION, resource, ring

from .store import Operation, ScriptedWorkload, checked
from .workload import Workload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cloudops_ls.home import Home
    from cloudops_ls.storage.keys import DataKey
    from cloudops_ls.storage.resource import Resource

    from .workload import Child

BATCH = 12
EXCHANGE_EARLY = "new key counts before the new database is complete"
"""Switch of `RotationWorkload`: its write order is turned round."""


class SyncWorkload(ScriptedWorkload):
    """Listings of one scope: generations, batches, sweeps, single deletions."""

    name = "sync"
    planted = ("arn:aws:rds:",)

    def fill(self, service: StorageService) -> None:
        generation = service.estate.begin_scope(ACCOUNT, REGION, "rds_instance")
        for batch in range(3):
            service.estate.bulk_upsert(_batch(batch, -1), generation=generation)
        service.estate.finish_scope(ACCOUNT, REGION, "rds_instance", generation, complete=True)

    def initial(self) -> dict[str, int]:
        return {each.arn: -1 for batch in range(3) for each in _batch(batch, -1)}

    def operations(self, attempt: int) -> Sequence[Operation]:
        listing: dict[str, int] = {}

        def begin(service: StorageService) -> None:
            listing["generation"] = service.estate.begin_scope(ACCOUNT, REGION, "rds_instance")

        def upsert(batch: int) -> Operation:
            found = _batch(batch, attempt)
            return Operation(
                lambda service: service.estate.bulk_upsert(found, generation=listing["generation"]),
                lambda state: state.update({each.arn: attempt for each in found}),
            )

        def finish(*, complete: bool) -> Operation:
            return Operation(
                lambda service: service.estate.finish_scope(
                    ACCOUNT, REGION, "rds_instance", listing["generation"], complete=complete
                ),
                lambda state: _keep(state, batches, attempt) if complete else None,
            )

        batches = range(1 + attempt, 6 + attempt)
        gone = _batch(batches[0], attempt)[0]
        nothing = Operation(begin, lambda state: None)
        return [
            nothing,
            *map(upsert, batches),
            finish(complete=False),
            nothing,
            *map(upsert, batches),
            finish(complete=True),
            Operation(
                lambda service: service.estate.delete_resource(gone.arn),
                lambda state: state.pop(gone.arn),
            ),
        ]

    def state(self, service: StorageService) -> dict[str, Any]:
        service.sync.recover()
        assert all(scope.status is not ScopeStatus.RUNNING for scope in service.sync.scopes())
        found = service.estate.get_by_account(ACCOUNT)
        assert len({row.arn for row in service.estate.names()}) == len(found)
        return {each.arn: each.metadata["attempt"] for each in found}


class ChatWorkload(ScriptedWorkload):
    """Conversations that are begun, continued, described and deleted."""

    name = "chat"
    planted = ("-0 says 0 ",)

    def initial(self) -> dict[str, Any]:
        return {}

    def operations(self, attempt: int) -> Sequence[Operation]:
        steps = []
        for thread in range(3):
            context = f"thread-{attempt}-{thread}"
            for turn in range(5):
                role = (Role.USER, Role.ASSISTANT)[turn % 2]
                message = Message(
                    id=f"{context}-{turn}", role=role, content=f"{context} says {turn} " * 50
                )
                steps.append(_append(context, message))
            steps.append(
                Operation(
                    lambda service, context=context: service.chat.update_context(
                        context, {"attempt": attempt}
                    ),
                    lambda state, context=context: state[context].append(["metadata", attempt]),
                )
            )
        doomed = f"thread-{attempt}-0"
        steps.append(
            Operation(lambda service: service.chat.delete(doomed), lambda state: state.pop(doomed))
        )
        return steps

    def state(self, service: StorageService) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for conversation in service.chat.conversations():
            turns = service.chat.get_history(conversation.id)
            found[conversation.id] = [[each.id, each.content] for each in turns]
            if conversation.metadata:
                found[conversation.id].append(["metadata", conversation.metadata["attempt"]])
        return found


class RotationWorkload(ScriptedWorkload):
    """A new data key for a filled store, again and again."""

    name = "key rotation"
    planted = ("arn:aws:rds:",)

    def fill(self, service: StorageService) -> None:
        service.estate.bulk_upsert(each for batch in range(10) for each in _batch(batch, -1))

    def initial(self) -> dict[str, Any]:
        return {each.arn: -1 for batch in range(10) for each in _batch(batch, -1)}

    def operations(self, attempt: int) -> Sequence[Operation]:
        return []

    def work(self, child: Child) -> None:
        if EXCHANGE_EARLY in child.switches:
            _decide_before_the_database_is_complete()
        for number in range(2):
            child.step([child.attempt, number], lambda: self._rotate(child.home))
            self._write(child, number)

    def _rotate(self, home: Home) -> None:
        with opening.alone(home, doing="changing the key"):
            rotation.rotate(home, ring(home))

    def _write(self, child: Child, number: int) -> None:
        """Something between two rotations, so that there is a write-ahead log."""
        found = _batch(20 + number, child.attempt)
        with StorageService.open(child.home, keys=ring(child.home)) as service:
            child.step({"written": number}, lambda: service.estate.bulk_upsert(found))

    def check(self, home: Home, acknowledged: Sequence[Any]) -> None:
        with checked(home) as service:
            found = self.state(service)
        missing = self.initial().keys() - found.keys()
        for each in acknowledged:
            if isinstance(each, dict):
                missing |= {one.arn for one in _batch(20 + each["written"], 0)} - found.keys()
        assert not missing, f"{len(missing)} resources are gone"
        assert not rotation.unsettled(home), "something of a rotation was left"

    def state(self, service: StorageService) -> dict[str, Any]:
        return {
            each.arn: each.metadata["attempt"] for each in service.estate.get_by_account(ACCOUNT)
        }


class MigrationWorkload(Workload):
    """A store of the first schema is opened, and so brought to the newest one."""

    name = "migration"
    planted = ("x" * 100,)

    def prepare(self, home: Home) -> None:
        home.create()
        keys = ring(home)
        database = Database(SqlCipher(home.database, keys.open()))
        with database.write() as connection:
            command.upgrade(configuration(connection), "0001")
        with database.write() as connection:
            for number in range(200):
                connection.execute(
                    text(
                        "INSERT INTO conversations (id, title, created_at, updated_at, metadata) "
                        "VALUES (:id, :title, '2026-01-01', '2026-01-01', '{}')"
                    ),
                    {"id": f"thread-{number}", "title": "x" * 200},
                )
        database.close()
        keys.mark_created()

    def work(self, child: Child) -> None:
        def migrate() -> None:
            StorageService.open(child.home, keys=ring(child.home)).close()

        child.step("migrated", migrate)
        with StorageService.open(child.home, keys=ring(child.home)) as service:
            for number in range(5):
                name = f"new-{child.attempt}-{number}"
                message = Message(id=name, role=Role.USER, content="x" * 500)
                child.step(name, lambda: service.chat.append(name, message))  # noqa: B023

    def check(self, home: Home, acknowledged: Sequence[Any]) -> None:
        with checked(home) as service:
            assert service._database.revision() == HEAD
            found = set(service.chat.get_all_contexts())
        expected = {f"thread-{number}" for number in range(200)}
        expected |= {name for name in acknowledged if name != "migrated"}
        assert expected <= found, f"{len(expected - found)} conversations are gone"
        copy = home.data / f"cloudops.before-{HEAD}.db"
        assert copy.exists(), "there is no copy from before the migration"
        kept = Database(SqlCipher(copy, ring(home).open()))
        try:
            assert kept.revision() == "0001"
        finally:
            kept.close()


class ExecutionWorkload(ScriptedWorkload):
    """Commands recorded from approval to end, their output piece by piece."""

    name = "execution record"
    planted = ("describe-instances", "line 1 of ")

    def initial(self) -> dict[str, Any]:
        return {}

    def operations(self, attempt: int) -> Sequence[Operation]:
        steps = []
        for number in range(4):
            execution = Execution(
                id=f"execution-{attempt}-{number}",
                conversation_id="thread",
                command="aws ec2 describe-instances",
                argv=("aws", "ec2", "describe-instances"),
            )
            steps.append(_create(execution))
            steps.append(_become(execution.id, ExecutionStatus.RUNNING))
            steps += [
                _output(execution.id, f"line {line} of {execution.id}\n" * 40) for line in range(3)
            ]
            steps.append(_become(execution.id, ExecutionStatus.SUCCESS))
        return steps

    def state(self, service: StorageService) -> dict[str, Any]:
        service.executions.recover()
        found = {}
        for each in service.executions.list():
            whole = service.executions.get(each.id)
            assert whole is not None
            assert whole.status.final, "an execution without an owner was left running"
            found[each.id] = {
                "over": whole.status is ExecutionStatus.SUCCESS,
                "output": whole.output,
            }
        return found


def _decide_before_the_database_is_complete() -> None:
    original = rotation._encrypt_again

    def early(source: Path, key: DataKey, target: Path, new: DataKey) -> None:
        following = source.with_name("key.json.next")
        shutil.copy(following, source.with_name("key.json"))
        original(source, key, target, new)

    rotation._encrypt_again = early


def _batch(batch: int, attempt: int) -> list[Resource]:
    return [
        resource(f"db-{batch}-{number}", metadata={"attempt": attempt, "filling": "x" * 400})
        for number in range(BATCH)
    ]


def _keep(state: dict[str, int], batches: range, attempt: int) -> None:
    """Sweep: only what this listing saw remains."""
    seen = {each.arn for batch in batches for each in _batch(batch, attempt)}
    for arn in state.keys() - seen:
        del state[arn]


def _append(context: str, message: Message) -> Operation:
    return Operation(
        lambda service: service.chat.append(context, message),
        lambda state: state.setdefault(context, []).append([message.id, message.content]),
    )


def _create(execution: Execution) -> Operation:
    return Operation(
        lambda service: service.executions.create(execution),
        lambda state: state.update({execution.id: {"over": False, "output": ""}}),
    )


def _become(execution_id: str, status: ExecutionStatus) -> Operation:
    def note(state: Any) -> None:
        state[execution_id]["over"] = status is ExecutionStatus.SUCCESS

    return Operation(lambda service: service.executions.update(execution_id, status=status), note)


def _output(execution_id: str, text: str) -> Operation:
    def note(state: Any) -> None:
        state[execution_id]["output"] += text

    return Operation(lambda service: service.executions.append_output(execution_id, text), note)
