"""Random sequences of work on backups, each step checked against an independent record.

After every step every retained backup is restored on a new machine with the recovery key alone and
compared, value for value, with what was written down when it was made. The same checks turn red
when the write order is swapped, when pruning skips reachability, and when a nonce is used twice.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.storage.backup import bucket_lock
from cloudops_ls.storage.backup.layout import Layout
from cloudops_ls.storage.backup.pruning import Pruner
from cloudops_ls.storage.backup.records import BackupPlan
from cloudops_ls.storage.backup.s3 import S3ObjectStore
from cloudops_ls.storage.recovery_key import Recipient
from tests.storage.backup.cloud import BUCKET, make_bucket, s3, serving
from tests.storage.backup.contents import fill, run, say
from tests.storage.samples import resource

from .backup_cloud import RECOVERY, digest_of_backup, live_digest, open_store
from .harness import POINTS, Tally, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from cloudops_ls.storage.backup.object_store import ObjectStore, StoredObject
    from cloudops_ls.storage.service import StorageService

pytestmark = pytest.mark.timeout(3600)

STEPS = 40 if POINTS else 8


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with serving() as endpoint:
        made = s3(endpoint)
        make_bucket(made)
        yield made


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


def test_every_retained_backup_is_what_it_was(
    client: Any, tmp_path: Path, record: Callable[[Tally], None]
) -> None:
    tally = Tally("random sequences of backups")
    seeds = range(4) if POINTS else [int(os.environ.get("CLOUDOPS_SEQUENCE_SEED", "1"))]
    for seed in seeds:
        play(Sequence(client, tmp_path, seed), STEPS, tally)
    record(tally)


# The suite proves itself


class Scripted(Sequence):
    """A sequence whose steps are given, so that a fault on purpose is met at once."""

    script: tuple[str, ...] = ()

    def step(self, service: StorageService) -> None:
        self.count += 1
        word = self.script[min(self.count - 1, len(self.script) - 1)]
        self.count += 10
        if word == "make":
            say(service, "thread", f"{self.count}")
            record = live_digest(service)
            self.records[service.backup.backup_to_s3().name] = record
        elif word == "cut off":
            say(service, "thread", f"{self.count}")
            self.unconfirmed.add(live_digest(service))
            # Lock, key, …: in the middle of what comes after the manifest.
            self.store.left = self.left_at
            try:
                service.backup.backup_to_s3()
            except CloudOpsError:
                pass
            finally:
                self.store.left = None
        elif word == "remove":
            doomed = min(self.records)
            del self.records[doomed]
            service.backup.remove([doomed])
        self.count -= 10

    left_at = 0


def test_a_swapped_write_order_turns_it_red(client: Any, tmp_path: Path) -> None:
    red = False
    # Where the bucket goes away: somewhere after the manifest.
    for left in (4, 5, 3, 6, 2, 7, 1, 8, 0):
        sequence = Scripted(client, tmp_path, 100 + left)
        sequence.script = ("make", "cut off")
        sequence.left_at = left
        sequence.store.late = ("content", "index")
        red = play(sequence, 2, Tally("swapped"), until_red=True).red
        if red:
            break
    assert red, "manifests were written before what they need, and nobody noticed"


def test_the_right_write_order_stays_green_at_the_same_points(client: Any, tmp_path: Path) -> None:
    for left in range(9) if POINTS else (4, 5):
        sequence = Scripted(client, tmp_path, 200 + left)
        sequence.script = ("make", "cut off")
        sequence.left_at = left
        tally = play(sequence, 2, Tally("right"))
        assert not tally.red, str(tally)


def test_skipped_reachability_turns_it_red(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pruner, "reachable", lambda *_: set())
    sequence = Scripted(client, tmp_path, 300)
    sequence.script = ("make", "make", "remove")
    assert play(sequence, 3, Tally("skipped"), until_red=True).lost


def test_a_reused_nonce_turns_it_red(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recipient, "seal", _seal_with_one_nonce)
    sequence = Scripted(client, tmp_path, 400)
    sequence.script = ("make",)
    tally = play(sequence, 1, Tally("reused"))
    assert "a nonce that was used before" in str(tally)


def _seal_with_one_nonce(recipient: Recipient, plaintext: bytes, *_others: Recipient) -> bytes:
    """Seal as age v1 does (https://age-encryption.org/v1), but with nothing ever fresh."""
    import base64

    def coded(raw: bytes) -> bytes:
        return base64.b64encode(raw).rstrip(b"=")

    def derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt, info).derive(secret)

    file_key, nonce = b"k" * 16, b"n" * 16
    mine = X25519PrivateKey.from_private_bytes(b"e" * 32)
    share = mine.public_key().public_bytes_raw()
    theirs = _bech32_data(recipient.text)
    shared = mine.exchange(X25519PublicKey.from_public_bytes(theirs))
    wrapping = derived(shared, share + theirs, b"age-encryption.org/v1/X25519")
    body = coded(ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None))
    header = b"age-encryption.org/v1\n-> X25519 " + coded(share) + b"\n" + body + b"\n---"
    mac = HMAC(derived(file_key, b"", b"header"), SHA256())
    mac.update(header)
    cipher = ChaCha20Poly1305(derived(file_key, nonce, b"payload"))
    chunks = [plaintext[start : start + 65536] for start in range(0, len(plaintext), 65536)] or [
        b""
    ]
    payload = b"".join(
        cipher.encrypt(number.to_bytes(11, "big") + bytes([number == len(chunks) - 1]), chunk, None)
        for number, chunk in enumerate(chunks)
    )
    return header + b" " + coded(mac.finalize()) + b"\n" + nonce + payload


def _bech32_data(text: str) -> bytes:
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    bits = "".join(f"{alphabet.index(letter):05b}" for letter in text.rpartition("1")[2][:-6])
    return bytes(int(bits[start : start + 8], 2) for start in range(0, 256, 8))


def test_the_forged_file_is_a_true_age_file() -> None:
    assert RECOVERY.open(_seal_with_one_nonce(RECOVERY.recipient, b"x" * 70000)) == b"x" * 70000


# Two writers


def test_a_backup_that_was_pruned_under_takes_itself_back(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with locks that do not keep anybody out, as when one was taken for stale."""
    monkeypatch.setattr(bucket_lock.BucketLock, "__enter__", _enter_without_looking)
    first = Sequence(client, tmp_path, 500)
    with open_store(first.home, first.plan) as service:
        fill(service, 60)
        names = [service.backup.backup_to_s3().name]
        say(service, "thread", "more")
        names.append(service.backup.backup_to_s3().name)
        store = first.store
        real_put = store.put

        def put(key: str, content: bytes, *, locked: bool = False) -> str:
            if "/manifests/" in key:
                # In the last moment another process removes what the backup relies on.
                store.put = real_put  # type: ignore[method-assign]
                pruner = Pruner(
                    service.backup._access.to_read(first.plan, None),
                    bucket_lock.BucketLock(
                        store, first.plan.layout, bucket_lock.LockKind.EXCLUSIVE, "f" * 16
                    ).__enter__(),
                    _watch(),
                )
                pruner.remove([names[1]])
            return real_put(key, content, locked=locked)

        store.put = put  # type: ignore[method-assign]
        with pytest.raises(CloudOpsError, match="it was taken back"):
            service.backup.backup_to_s3()
        assert [each.name for each in service.backup.list_backups()] == [names[0]]
        found = service.backup.verify(read_data=True)
        assert found.ok, found.problems


def _enter_without_looking(lock: Any) -> Any:
    lock._write()
    return lock


def _watch() -> Any:
    from cloudops_ls.storage.backup.progress import Watch

    return Watch()
