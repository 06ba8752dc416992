"""Bad days of the store and its key: one clear message, and nothing is overwritten."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.demo.estate import TYPES
from tests.e2e.bad_days import count, loaded, one_message, still_well, useless_but_alive
from tests.e2e.processes import workers_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloudops_ls.home import Home


def without_key(environment: dict[str, str]) -> dict[str, str]:
    kept = {k: v for k, v in environment.items() if k != "CLOUDOPS_PASSPHRASE"}
    return {**kept, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


async def test_no_keychain_and_no_passphrase(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    shutil.rmtree(home.root)
    editor = await open_editor(without_key(environment))
    await editor.until(lambda: bool(editor.messages), "it was said")
    # The three ways out.
    one_message(editor, 0, "keychain", "CLOUDOPS_PASSPHRASE", "CLOUDOPS_KEY_FILE")
    await useless_but_alive(editor)
    assert not home.wrapped_key.exists()
    assert not home.database.exists() or home.database.stat().st_size == 0
    assert await editor.quit() == 0


@pytest.mark.parametrize("passphrase", [None, "wrong"])
async def test_a_store_that_does_not_open(
    environment: dict[str, str],
    open_editor: Callable[..., Any],
    home: Home,
    passphrase: str | None,
) -> None:
    key, size = home.wrapped_key.read_bytes(), home.database.stat().st_size
    locked = without_key(environment)
    if passphrase is not None:
        locked["CLOUDOPS_PASSPHRASE"] = passphrase
    editor = await open_editor(locked)
    await editor.until(lambda: bool(editor.messages), "it was said")
    one_message(editor, 0, "passphrase", "CLOUDOPS_PASSPHRASE")
    await useless_but_alive(editor)
    await editor.quit()
    assert home.wrapped_key.read_bytes() == key
    assert home.database.stat().st_size == size

    # With the right one everything is there.
    editor = await loaded(await open_editor(environment))
    assert await count(editor) >= 60
    assert not editor.messages


async def test_a_damaged_database_is_said_and_left_as_it_is(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    damaged = b"not what it was" + home.database.read_bytes()[15:]
    home.database.write_bytes(damaged)
    for suffix in ("-wal", "-shm"):
        home.database.with_name(home.database.name + suffix).unlink(missing_ok=True)
    editor = await open_editor(environment)
    await editor.until(lambda: bool(editor.messages), "it was said")
    one_message(editor, 0, "cannot be decrypted", str(home.database))
    await useless_but_alive(editor)
    await editor.quit()
    assert home.database.read_bytes() == damaged


async def test_a_home_that_cannot_be(
    environment: dict[str, str], open_editor: Callable[..., Any], tmp_path: Path
) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("something else")
    for place in (occupied, occupied / "below"):
        editor = await open_editor({**environment, "CLOUDOPS_HOME": str(place)})
        await editor.until(lambda editor=editor: bool(editor.messages), "it was said")
        one_message(editor, 0, str(place), "CLOUDOPS_HOME")
        await useless_but_alive(editor)
    assert occupied.read_text() == "something else"


async def test_two_windows_begin_at_once_on_a_new_home(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    shutil.rmtree(home.root)
    editors = await asyncio.gather(*(open_editor(environment) for _ in range(3)))
    for editor in editors:
        await loaded(editor)
        assert not editor.messages, editor.said()
    scans = await asyncio.gather(
        *(
            editor.execute("cloudops.scanEstate", {"profiles": ["production"], "types": TYPES})
            for editor in editors
        )
    )
    assert [scan["status"] for scan in scans] == ["complete"] * 3
    assert len(workers_of(home)) == 1
    known = scans[0]["resources"]
    assert known > 20
    for editor in editors:
        assert await count(editor) == known
        await still_well(editor)
        # A new home is told once that it has no model.
        said = [one.message for one in editor.messages if "No embedding model" not in one.message]
        assert not said
