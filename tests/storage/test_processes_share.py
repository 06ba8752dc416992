"""Several processes on one store, and the sudden end of one of them."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

from cloudops_ls.storage.service import StorageService

from .samples import PASSPHRASE, resource, ring

if TYPE_CHECKING:
    from cloudops_ls.home import Home

_PRELUDE = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from cloudops_ls.home import Home
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.resource import Resource
from cloudops_ls.storage.service import StorageService
home = Home(Path(sys.argv[1]))
keys = KeyRing(home, environ={"CLOUDOPS_PASSPHRASE": sys.argv[2]})
service = StorageService.open(
    home, keys=keys, database_url=os.environ.get("TEST_DATABASE_URL")
)
def named(name):
    return Resource(resource_type="t", identifier=name, account_id="1", region="r",
                    arn=f"arn:{name}", name=name, last_synced=datetime.now(UTC))
"""


def _start(home: Home, code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-c", _PRELUDE + textwrap.dedent(code)),
            *(str(home.root), PASSPHRASE, *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_write_and_read_at_once(home: Home, service: StorageService) -> None:
    code = """
    for number in range(100):
        service.estate.upsert_resource(named(f"{sys.argv[3]}-{number}"))
        assert service.estate.get_resource(f"{sys.argv[3]}-{number}")
    service.close()
    """
    others = [_start(home, code, name) for name in ("one", "two")]
    for number in range(100):
        service.estate.upsert_resource(resource(f"mine-{number}"))
        assert service.estate.count() > number
    for other in others:
        _, errors = other.communicate(timeout=60)
        assert (other.returncode, errors) == (0, "")
    assert service.estate.count() == 300
    assert service.estate.generation() == 300


def test_one_process_sees_what_another_committed(home: Home, service: StorageService) -> None:
    before = service.estate.generation()
    with _start(home, 'service.estate.upsert_resource(named("theirs")); service.close()') as other:
        other.wait(60)
    assert service.estate.generation() != before
    assert service.estate.find("theirs")


def test_a_kill_in_the_middle_of_writing_loses_nothing_acknowledged(home: Home) -> None:
    StorageService.open(home, keys=ring(home)).close()
    code = """
    start = int(sys.argv[3])
    for batch in range(start, start + 10000):
        service.estate.bulk_upsert(named(f"b{batch}-{number}") for number in range(25))
        print(batch, flush=True)
    """
    dice = random.Random(7)
    acknowledged: list[int] = []
    for attempt in range(4):
        with _start(home, code, str(attempt * 10000)) as other:
            assert other.stdout is not None
            acknowledged.append(int(other.stdout.readline()))
            time.sleep(dice.uniform(0.05, 0.4))
            other.kill()
            acknowledged += [int(line) for line in other.stdout.read().split()]
            other.wait()
        with StorageService.open(home, keys=ring(home)) as service:
            stored = {row.name for row in service.estate.names()}
            expected = {f"b{batch}-{number}" for batch in acknowledged for number in range(25)}
            assert expected <= stored
            # A batch is there whole or not at all.
            assert len(stored) % 25 == 0
            assert service.estate.generation() == len(stored) // 25
            with service._database.read() as connection:
                check = connection.exec_driver_sql("PRAGMA cipher_integrity_check").all()
                assert check == []
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert len(acknowledged) > 4
