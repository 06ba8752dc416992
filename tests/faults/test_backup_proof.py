"""The suite proves itself: what holds backups against their record turns red for a reason.

Write order swapped, reachability skipped by pruning, a nonce used twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.backup.pruning import Pruner
from cloudops_ls.storage.recovery_key import Recipient
from tests.storage.backup.contents import say

from .backup_cloud import RECOVERY, live_digest
from .backup_sequence import Sequence, play
from .harness import POINTS, Tally

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.storage.service import StorageService

pytestmark = pytest.mark.timeout(3600)


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
