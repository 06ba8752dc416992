"""The format: opened by the age tool alone, and refused when it is not what it says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudops_ls.storage.backup.backup_key import BackupKey
from cloudops_ls.storage.backup.envelope import pack, seal, unpack, unseal
from cloudops_ls.storage.backup.errors import BackupDamagedError
from cloudops_ls.storage.backup.layout import Layout, ObjectKind
from cloudops_ls.storage.backup.streams import cut
from cloudops_ls.storage.recovery_key import AgeKey, RecoveryKey

KEY = BackupKey.generate()
NAMES = st.text("abcdefgh0123456789.-", min_size=1, max_size=40)
MEMBERS = st.dictionaries(NAMES.map(lambda name: f"m{name}"), st.binary(max_size=300), max_size=5)


def opened(sealed: bytes, kind: ObjectKind = ObjectKind.CONTENT, name: str = "a") -> Any:
    return unseal(KEY, kind, name, sealed, where="where")


@given(MEMBERS)
def test_what_is_sealed_comes_back(members: dict[str, bytes]) -> None:
    assert opened(seal(KEY, ObjectKind.CONTENT, "a", members)) == members


@given(MEMBERS, st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_no_changed_byte_is_taken_for_true(
    members: dict[str, bytes], where: float, change: int
) -> None:
    # Not a place by number: age adds stanzas of random length.
    sealed = bytearray(seal(KEY, ObjectKind.CONTENT, "a", members))
    place = int(where * len(sealed))
    sealed[place] ^= change
    with pytest.raises(BackupDamagedError):
        opened(bytes(sealed))
    with pytest.raises(BackupDamagedError):
        opened(bytes(sealed[:place]))


def test_kind_and_name_are_bound() -> None:
    sealed = seal(KEY, ObjectKind.CONTENT, "a", {"x": b"1"})
    with pytest.raises(BackupDamagedError, match="in another object's place"):
        opened(sealed, name="b")
    with pytest.raises(BackupDamagedError, match="in another object's place"):
        opened(sealed, kind=ObjectKind.INDEX)


def test_who_knows_the_public_key_alone_cannot_forge() -> None:
    members = {"x": b"1"}
    # The same age key, another digest key: all that an attacker can have learned.
    forger = BackupKey("f" * 16, KEY.age, b"guess" * 6 + b"xx")
    with pytest.raises(BackupDamagedError, match="not sealed by a holder of the backup key"):
        opened(seal(forger, ObjectKind.CONTENT, "a", members))
    with pytest.raises(BackupDamagedError, match="does not say what it is"):
        opened(KEY.age.recipient.seal(pack(members)))
    with pytest.raises(BackupDamagedError, match="not what this program seals"):
        opened(KEY.age.recipient.seal(b"anything"))
    stranger = BackupKey("f" * 16, AgeKey.generate(), KEY._digest_key)
    with pytest.raises(BackupDamagedError, match="cannot be decrypted"):
        opened(seal(stranger, ObjectKind.CONTENT, "a", members))


def test_what_unpacks_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudops_ls.storage.backup.envelope.MOST_UNPACKED", 10_000)
    with pytest.raises(ValueError, match="too large"):
        unpack(pack({"x": bytes(1_000_000)}))


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=20)), max_size=60))
def test_chunks_joined_are_the_lines(lines: list[tuple[bytes, bytes]]) -> None:
    chunks = list(cut(lines, lambda key: key[:1] > b"\xc0"))
    assert b"".join(chunk for chunk, _ in chunks) == b"".join(line for _, line in lines)
    assert sum(count for _, count in chunks) == len(lines)


def test_a_change_makes_one_chunk_new_and_an_insertion_at_most_two() -> None:
    def ends(key: bytes) -> bool:
        return int(key) % 7 == 0

    lines = [(b"%d" % number, b"line %d\n" % number) for number in range(1000)]
    before = {chunk for chunk, _ in cut(lines, ends)}
    changed = [*lines[:500], (b"500", b"another\n"), *lines[501:]]
    assert len({chunk for chunk, _ in cut(changed, ends)} - before) == 1
    inserted = [*lines[:500], (b"7", b"new\n"), *lines[500:]]
    assert len({chunk for chunk, _ in cut(inserted, ends)} - before) <= 2


def test_keys_and_names_are_told_apart_from_strangers() -> None:
    layout = Layout("team/", "ana")
    for kind, name in ((ObjectKind.CONTENT, "a" * 32), (ObjectKind.INDEX, "b" * 32)):
        assert layout.name(kind, layout.key(kind, name)) == name
        assert layout.name(kind, layout.key(kind, name) + "x") is None
        assert layout.name(kind, layout.key(kind, name).replace("ana", "bob")) is None


def test_wrapped_keys_are_told_apart_from_strangers() -> None:
    layout = Layout("", "ana")
    assert layout.wrapped_key_id(layout.wrapped_key("0" * 16, "age1somebody")) == "0" * 16
    assert layout.wrapped_key("0" * 16, "age1somebody") != layout.wrapped_key("0" * 16, "age1else")
    assert layout.wrapped_key_id(f"ana/keys/{'0' * 16}.age") == "0" * 16
    for strange in ("ana/keys/0.age", f"bob/keys/{'0' * 16}.age", f"ana/keys/{'0' * 16}-x.age"):
        assert layout.wrapped_key_id(strange) is None


def test_keys_do_not_show_themselves() -> None:
    key = RecoveryKey.generate()
    assert key.reveal() not in repr(key)
    assert KEY.age.reveal() not in repr(KEY)
    again = BackupKey.parse(KEY.reveal(), where="here")
    assert (again.id, again.age.reveal()) == (KEY.id, KEY.age.reveal())
