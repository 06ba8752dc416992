"""Damaged, missing and swapped files: named, or of no consequence; never a silent loss."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.config import load_settings
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.storage.service import StorageService
from tests.storage.samples import ring

from .damage import Damage, damage
from .harness import Nursery, Tally, judge, points
from .store import checked
from .store_workloads import SyncWorkload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)
CONFIG = "[assistant]\nkind = 'builtin'\nhistory_tokens = 5000\n\n[worker]\nidle_seconds = 7\n"
CLOSED = ("cloudops.db", "key.json")
KILLED = ("cloudops.db", "cloudops.db-wal", "cloudops.db-shm", "key.json")


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Home, Home]:
    """Two stores, each left by a kill right after its last acknowledged step."""
    workload = SyncWorkload()
    made = []
    with Nursery() as nursery:
        for name in ("mine", "other"):
            home = Home(tmp_path / name)
            workload.prepare(home)
            run = nursery.run(workload, home, at_step=8)
            assert run.killed
            made.append(home)
    return made[0], made[1]


def _contents(home: Home) -> dict[str, int]:
    with checked(home) as service:
        return SyncWorkload().state(service)


def _copy(home: Home, to: Path) -> Home:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(home.root, to)
    return Home(to)


def _named_or_whole(home: Home, expected: dict[str, int]) -> None:
    """The store opens with everything in it, or says what is wrong and what to do."""
    try:
        with StorageService.open(home, keys=ring(home)) as service:
            if service._database.damage() is not None:
                return
            found = SyncWorkload().state(service)
    except CloudOpsError as error:
        assert error.where, f"{error} does not say where"
        assert error.fix, f"{error} does not say what to do"
        return
    assert found == expected, f"{len(expected.keys() - found.keys())} resources silently gone"


@pytest.mark.parametrize(
    ("name", "after"),
    [*((name, "close") for name in CLOSED), *((name, "kill") for name in KILLED)],
)
def test_every_damage_is_named_or_harmless(
    name: str,
    after: str,
    stores: tuple[Home, Home],
    tmp_path: Path,
    record: Callable[[Tally], None],
) -> None:
    tally = Tally(f"damage: {name}, after a {after}")
    mine, other = stores
    expected = _contents(_copy(mine, tmp_path / "expected"))
    if after == "close":
        for home in stores:
            StorageService.open(home, keys=ring(home)).close()
    dice = random.Random(name)
    for how in Damage:
        for number in range(max(1, points(10) // 3)):
            home = _copy(mine, tmp_path / "damaged")
            damage(home.data / name, how, dice, other.data / name)
            tally.points += 1
            tally.hit += 1
            point = f"{how} {number}"
            judge(tally, point, lambda: _named_or_whole(home, expected))  # noqa: B023
    record(tally)


def test_the_log_s_loss_is_named_with_a_way_on(stores: tuple[Home, Home]) -> None:
    mine, _ = stores
    log = mine.data / "cloudops.db-wal"
    # Half of it: its end may be of a step that was under way.
    content = log.read_bytes()
    log.write_bytes(content[: len(content) // 2])
    before = {path.name: path.read_bytes() for path in mine.data.iterdir() if path.is_file()}
    with pytest.raises(CloudOpsError, match=r"pages that were committed last are lost") as raised:
        StorageService.open(mine, keys=ring(mine))
    assert raised.value.where == str(log)
    after = {path.name: path.read_bytes() for path in mine.data.iterdir() if path.is_file()}
    assert before == after
    # As the message says.
    (mine.data / "cloudops.db-shm").unlink()
    with checked(mine) as service:
        assert service.estate.count() > 0


def test_a_database_that_is_gone_is_not_made_anew(stores: tuple[Home, Home]) -> None:
    mine, _ = stores
    StorageService.open(mine, keys=ring(mine)).close()
    for name in ("cloudops.db", "cloudops.db-wal", "cloudops.db-shm"):
        (mine.data / name).unlink(missing_ok=True)
    with pytest.raises(CloudOpsError, match="The database is gone"):
        StorageService.open(mine, keys=ring(mine))
    assert not mine.database.exists()


def test_damaged_settings_are_named_and_never_fatal(
    tmp_path: Path, record: Callable[[Tally], None]
) -> None:
    tally = Tally("damage: config.toml")
    dice = random.Random(3)
    other = tmp_path / "other.toml"
    other.write_bytes(bytes(range(256)))
    home = Home(tmp_path / "home")
    home.root.mkdir()

    def check(how: Damage) -> None:
        settings, problems = load_settings(home)
        assert settings.worker.idle_seconds > 0
        if how is Damage.SWAPPED:
            assert problems
            assert str(home.config) in str(problems[0])

    for how in Damage:
        for number in range(points(10)):
            home.config.write_text(CONFIG)
            damage(home.config, how, dice, other)
            tally.points += 1
            tally.hit += 1
            judge(tally, f"{how} {number}", lambda: check(how))  # noqa: B023
    record(tally)
