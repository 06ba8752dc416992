"""Backing up, pruning and restoring, killed at any point of either."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from cloudops_ls.storage.backup.restoring import RestoreMode
from cloudops_ls.storage.records import Message, Role
from tests.storage.backup.contents import fill, written_down

from .backup_cloud import (
    DyingStore,
    digest,
    digest_of_backup,
    live_digest,
    open_store,
    plan_of,
)
from .store import assert_whole
from .workload import ATTEMPTS, Child, Workload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.home import Home
    from cloudops_ls.storage.backup.records import BackupPlan
    from cloudops_ls.storage.service import StorageService

ROUNDS = 3
MOST_OPERATIONS = 70
"""S3 operations that a workload makes, about."""


class BackupWorkload(Workload):
    """Work on backups of a small store; its own folder in the bucket for every point."""

    planted = ("arn:aws:rds:", "-thread-0", "words words")

    def prepare(self, home: Home) -> None:
        with open_store(home, plan_of(home)) as service:
            fill(service, 40)

    def work(self, child: Child) -> None:
        dies_at = (
            0
            if child.spared or child.dice.random() < 0.5
            else child.dice.randint(1, MOST_OPERATIONS)
        )
        before = child.dice.random() < 0.5
        plan = plan_of(child.home, lambda store: DyingStore(store, dies_at, before=before))
        with open_store(child.home, plan) as service:
            self.rounds(child, service)

    @abstractmethod
    def rounds(self, child: Child, service: StorageService) -> None:
        """Do the work; acknowledge ``[kind, …]``."""

    def check(self, home: Home, acknowledged: Sequence[Any]) -> None:
        plan = plan_of(home)
        with open_store(home, plan) as service:
            assert_whole(service)
            self.check_store(service, acknowledged)
            self.check_backups(service, plan, acknowledged)
            # What the dead one left, its locks included, is in nobody's way.
            now = live_digest(service)
            name = service.backup.backup_to_s3().name
            assert digest_of_backup(plan, name) == now, "it holds something else"
            service.backup.prune(1)
            found = service.backup.verify(read_data=True)
            assert found.ok, found.problems
            assert found.unused == 0, "what the dead one left was not cleared away"

    def check_store(self, service: StorageService, acknowledged: Sequence[Any]) -> None:
        said = {each[1] for each in acknowledged if each[0] == "said"}
        stored = {each.id for each in service.chat.get_history("thread")}
        assert said <= stored, f"said, and not stored: {said - stored}"

    def check_backups(
        self, service: StorageService, plan: BackupPlan, acknowledged: Sequence[Any]
    ) -> None:
        """Every backup that was acknowledged is there, as it was, unless it was to be removed."""
        made = {each[1]: each[2] for each in acknowledged if each[0] == "made"}
        doomed = {each[1] for each in acknowledged if each[0] == "removing"}
        removed = {each[1] for each in acknowledged if each[0] == "removed"}
        listed = {each.name for each in service.backup.list_backups() if each.problem is None}
        assert made.keys() - doomed <= listed, "an acknowledged backup is gone"
        assert not removed & listed, "a removed backup came back"
        if listed:
            found = service.backup.verify(read_data=True)
            assert found.ok, found.problems
        for name in sorted(made.keys() & listed):
            assert digest_of_backup(plan, name) == made[name], f"{name} holds something else"


class MakingWorkload(BackupWorkload):
    """Conversations, and a backup after each turn."""

    name = "backup"

    def rounds(self, child: Child, service: StorageService) -> None:
        for number in range(ROUNDS):
            say(child, service, number)
            back_up(child, service)


class PruningWorkload(BackupWorkload):
    """Backups that are made and removed again, oldest first."""

    name = "prune"

    def rounds(self, child: Child, service: StorageService) -> None:
        say(child, service, 0)
        back_up(child, service)
        for number in range(1, ROUNDS):
            say(child, service, number)
            service.estate.bulk_upsert(
                each.model_copy(update={"state": f"{child.attempt}-{number}"})
                for each in service.estate.get_by_type("rds_instance")[: 20 * number]
            )
            back_up(child, service)
            oldest = min(each.name for each in service.backup.list_backups())
            child.acknowledge(["removing", oldest])
            service.backup.remove([oldest])
            child.acknowledge(["removed", oldest])


class RestoringWorkload(BackupWorkload):
    """A store that is replaced by its backup again and again."""

    name = "restore"

    def rounds(self, child: Child, service: StorageService) -> None:
        if not service.backup.list_backups() if service.backup.state.key() else True:
            child.acknowledge(["making", _without_audit(service)])
            service.backup.backup_to_s3()
        for number in range(ROUNDS):
            message = Message(id=f"{child.attempt}-{number}", role=Role.USER, content="x")
            child.step(["extra", message.id], lambda: service.chat.append("extra", message))  # noqa: B023
            child.acknowledge(["replacing"])
            service.backup.restore_from_s3("latest", RestoreMode.REPLACE)
            child.acknowledge(["replaced"])

    def check_store(self, service: StorageService, acknowledged: Sequence[Any]) -> None:
        """The store is what was backed up, or that and one conversation; never between."""
        assert service.audit.verify().broken is None
        made = [each[1] for each in acknowledged if each[0] == "making"]
        last = acknowledged[-1] if acknowledged else [""]
        extra = service.chat.get_conversation("extra") is not None
        if last[0] == "extra":
            assert extra, "an acknowledged message is gone, and nobody replaced the store"
        if made and not extra:
            assert _without_audit(service) in made, "a replaced store is not what was backed up"
        if extra:
            # One that was killed before it replaced the store leaves its message to the next.
            left = [message.id for message in service.chat.get_history("extra")]
            since: list[str] = []
            for what, *more in acknowledged:
                since = [*since, *more] if what == "extra" else []
            missing = [one for one in since if one not in left]
            assert not missing, f"acknowledged messages are gone: {missing}"
            assert len(left) <= ATTEMPTS, f"a replaced store kept messages: {left}"
            assert service.estate.count() == 40, f"{service.estate.count()} resources"

    def check_backups(
        self, service: StorageService, plan: BackupPlan, acknowledged: Sequence[Any]
    ) -> None:
        left = list(service._home.data.glob("restore-*"))
        if service.backup.state.key() is not None and service.backup.list_backups():
            service.backup.restore_from_s3("latest")
            assert not list(service._home.data.glob("restore-*")), f"left behind: {left}"


def say(child: Child, service: StorageService, number: int) -> None:
    message = Message(id=f"{child.attempt}-{number}", role=Role.USER, content="words " * 40)
    child.step(["said", message.id], lambda: service.chat.append("thread", message))


def back_up(child: Child, service: StorageService) -> None:
    before = live_digest(service)
    name = service.backup.backup_to_s3().name
    child.acknowledge(["made", name, before])


def _without_audit(service: StorageService) -> str:
    return digest(written_down(service, audit=False))
