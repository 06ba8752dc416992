"""A random sequence of work on backups, each step checked against an independent record.

After every step every retained backup is restored on a new machine with the recovery key alone and
compared, value for value, with what was written down when it was made.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.storage.backup.layout import Layout
from cloudops_ls.storage.backup.records import BackupPlan
from cloudops_ls.storage.backup.s3 import S3ObjectStore
from tests.storage.backup.cloud import BUCKET
from tests.storage.backup.contents import fill, run, say
from tests.storage.samples import resource

from .backup_cloud import digest_of_backup, live_digest, open_store
from .harness import Tally, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from cloudops_ls.storage.backup.object_store import ObjectStore, StoredObject
    from cloudops_ls.storage.service import StorageService


class HaltingStore:
    """A bucket that is gone after so many changes, as it is for a process that dies.

    ``first`` says which keys are written late: their writes are held back until a manifest has
    been written. That is the write order swapped.
    """

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.left: int | None = None
        self.late: tuple[str, ...] = ()
        self._held: list[tuple[str, bytes]] = []

    def _change(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise CloudOpsError("The bucket went away", where="test")

    def put(self, key: str, content: bytes, *, locked: bool = False) -> str:
        if any(f"/{kind}/" in key for kind in self.late):
            self._held.append((key, content))
            return ""
        self._change()
        etag = self.store.put(key, content, locked=locked)
        if "/manifests/" in key:
            held, self._held = self._held, []
            for held_key, held_content in held:
                self._change()
                self.store.put(held_key, held_content)
        return etag

    def get(self, key: str) -> bytes:
        return self.store.get(key)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        return self.store.list(prefix)

    def delete(self, key: str) -> None:
        self._change()
        self.store.delete(key)

    def relock(self, key: str) -> bool:
        return self.store.relock(key)

    def now(self) -> datetime:
        return self.store.now()


class Sequence:
    """One random sequence on one store.

    Parameters
    ----------
    client, where, seed
        The bucket, an empty directory, and what decides everything.
    """

    def __init__(self, client: Any, where: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        self.client = client
        self.folder = f"{where.name}-{seed}"
        self.store = HaltingStore(S3ObjectStore(lambda: client, BUCKET))
        self.plan = BackupPlan(self.store, Layout("", self.folder))
        self.home = Home(where / f"home{seed}")
        self.records: dict[str, str] = {}
        self.unconfirmed: set[str] = set()
        """Digests of what backups that were cut off would hold."""
        self.nonces: dict[bytes, str] = {}
        self.count = 0

    def step(self, service: StorageService) -> None:
        """Do one thing at random."""
        self.count += 1
        backup = service.backup
        names = sorted(self.records)
        match self.dice.choice(["change", "make", "make", "cut off", "remove", "prune", "restore"]):
            case "change":
                self.change(service)
            case "make":
                self.change(service)
                record = live_digest(service)
                self.records[backup.backup_to_s3().name] = record
            case "cut off":
                self.change(service)
                self.cut_off(service, lambda: backup.backup_to_s3())
            case "remove" if len(names) > 1:
                doomed = self.dice.choice(names)
                if self.dice.random() < 0.3:
                    # Announced, so that it may be gone; whatever else must not.
                    self.unconfirmed.add(self.records.pop(doomed))
                    self.cut_off(service, lambda: backup.remove([doomed]))
                else:
                    backup.remove([doomed])
                    del self.records[doomed]
            case "prune" if names:
                backup.prune(self.dice.choice([1, 30]))
            case "restore" if names:
                backup.restore_from_s3(self.dice.choice(names))

    def change(self, service: StorageService) -> None:
        for _ in range(self.dice.randint(1, 3)):
            self.count += 1
            match self.dice.choice(["say", "run", "estate", "forget"]):
                case "say":
                    say(service, f"thread-{self.dice.randint(0, 3)}", f"{self.count} " * 20)
                case "run":
                    run(service, f"thread-{self.dice.randint(0, 3)}", f"output {self.count}")
                case "estate":
                    service.estate.bulk_upsert(
                        resource(f"svc-{self.dice.randint(0, 60):05d}", state=f"{self.count}")
                        for _ in range(20)
                    )
                case "forget":
                    service.chat.delete(f"thread-{self.dice.randint(0, 3)}")
                    service.estate.delete_resource(
                        resource(f"svc-{self.dice.randint(0, 60):05d}").arn
                    )

    def cut_off(self, service: StorageService, work: Callable[[], Any]) -> None:
        """Have the bucket go away in the middle of ``work``; what it acknowledged counts."""
        before = live_digest(service)
        self.unconfirmed.add(before)
        self.store.left = self.dice.randint(0, 14)
        try:
            done = work()
        except CloudOpsError:
            done = None
        finally:
            self.store.left = None
        name = getattr(done, "name", None)
        if name is not None:
            self.records[name] = before

    def check(self, service: StorageService) -> None:
        """Every retained backup is what it was, and no nonce was ever used twice."""
        listed = service.backup.list_backups()
        there = {each.name for each in listed}
        assert self.records.keys() <= there, "a backup is gone"
        for each in listed:
            assert each.problem is None, each.problem
            found = digest_of_backup(self.plan, each.name)
            known = self.records.get(each.name)
            assert found == known or (known is None and found in self.unconfirmed), (
                f"{each.name} holds something else"
            )
            self.records[each.name] = found
        for page in self.client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=f"{self.folder}/"
        ):
            for each in page.get("Contents", ()):
                if "/locks/" not in each["Key"]:
                    self._note_nonce(each["Key"])

    def _note_nonce(self, key: str) -> None:
        """Hold the header of an age file against all that were ever seen.

        The share of the ephemeral key and the payload's nonce decide the keys that ChaCha20 is
        used with. Two different files that have them in common are sealed with one key stream.
        """
        sealed = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        header, _, rest = sealed.partition(b"\n--- ")
        share = header.split(b"-> X25519 ")[1].split(b"\n")[0]
        nonce = rest.partition(b"\n")[2][:16]
        for part in (share, nonce):
            before = self.nonces.setdefault(part, sealed[-64:].hex())
            assert before == sealed[-64:].hex(), (
                f"{key} was sealed with a nonce that was used before"
            )


def play(sequence: Sequence, steps: int, tally: Tally, *, until_red: bool = False) -> Tally:
    """Play a sequence and check after each step."""
    with open_store(sequence.home, sequence.plan) as service:
        fill(service, 60)
        for number in range(steps):
            tally.points += 1
            tally.hit += 1

            def one() -> None:
                sequence.step(service)
                sequence.check(service)

            judge(tally, f"  step {number}", one)
            if until_red and tally.red:
                break
        tally.acknowledged += len(sequence.records)
    return tally
