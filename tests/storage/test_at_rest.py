"""Nothing readable at rest: no file holds anything of the estate or of what was said."""

from __future__ import annotations

import base64
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cloudops_ls.storage.indexing.settings import VectorSettings
from cloudops_ls.storage.records import AccountRecord, Execution, Message, Role
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.embeddings import find_model

from .models import install_model
from .needles import assert_nothing_readable, assert_private, encodings, files_below
from .samples import PASSPHRASE, resource, ring

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.home import Home

PLANTED = tuple(
    f"planted{kind}needle{number}"
    for number in range(10)
    for kind in ("name", "tag", "prompt", "output", "command")
)


def _plant(service: StorageService) -> None:
    for number in range(10):
        name, tag, prompt, output, command = PLANTED[number * 5 : number * 5 + 5]
        service.estate.upsert_resource(resource(name, tags={"secret": tag}))
        message = Message(role=Role.USER, content=prompt)
        service.chat.append(f"conversation{number}", message)
        execution = service.executions.create(Execution(command=command, argv=(command,)))
        service.executions.append_output(execution.id, output)
    service.estate.put_account(AccountRecord(account_id="1" * 12, alias=PLANTED[0]))
    generation = service.estate.begin_scope("1" * 12, "r", "t")
    service.estate.finish_scope("1" * 12, "r", "t", generation, complete=False, error=PLANTED[1])
    service.sync.publish()


NEEDLES = tuple(coded for text in PLANTED for coded in encodings(text))


def test_the_search_for_needles_finds_them(tmp_path: Path) -> None:
    for number, coded in enumerate(encodings(PLANTED[0])):
        (tmp_path / str(number)).write_bytes(b"xyz" + coded + b"xyz")
        with pytest.raises(AssertionError, match="is readable"):
            assert_nothing_readable(files_below(tmp_path), NEEDLES)
        (tmp_path / str(number)).unlink()
    encoded = base64.b64encode(b"ab" + PLANTED[0].encode() + b"cd")
    (tmp_path / "file").write_bytes(encoded)
    with pytest.raises(AssertionError, match="is readable"):
        assert_nothing_readable(files_below(tmp_path), NEEDLES)


def test_nothing_is_readable_while_open_and_after_closing(home: Home) -> None:
    directory = install_model(home.models)
    with StorageService.open(home, vectors=VectorSettings(), keys=ring(home)) as service:
        _plant(service)
        assert service.index is not None
        assert service.index.rebuild()
        assert service.estate.search(PLANTED[0])
        assert_nothing_readable(files_below(home.data, home.runtime), NEEDLES)
        assert_private(home.data)
        with service._database.read() as connection:
            kept = connection.exec_driver_sql("SELECT vector FROM vectors").scalars().all()
    # Ten resources, ten messages.
    assert len(kept) == 20
    model = find_model(home.models)
    assert model is not None
    assert len(kept[0]) == 4 * model.dim
    assert np.linalg.norm(np.frombuffer(kept[0], "<f4")) == pytest.approx(1.0)
    files = files_below(home.root.parent)
    files = {path: data for path, data in files.items() if not path.is_relative_to(directory)}
    assert_nothing_readable(files, (*NEEDLES, *kept))
    assert {path.name for path in files} >= {"cloudops.db", "key.json"}


def test_nothing_is_readable_after_a_kill(home: Home) -> None:
    code = f"""
    import os, signal, sys
    from pathlib import Path
    sys.path[:0] = {[str(path) for path in sys.path]!r}
    from cloudops_ls.home import Home
    from cloudops_ls.storage.indexing.settings import VectorSettings
    from cloudops_ls.storage.keys import KeyRing
    from cloudops_ls.storage.service import StorageService
    from {__name__} import _plant
    home = Home(Path(sys.argv[1]))
    keys = KeyRing(home, environ={{"CLOUDOPS_PASSPHRASE": sys.argv[2]}})
    service = StorageService.open(home, vectors=VectorSettings(), keys=keys)
    _plant(service)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    StorageService.open(home, keys=ring(home)).close()
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(home.root), PASSPHRASE],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr
    files = files_below(home.root.parent)
    assert any(path.name == "cloudops.db-wal" and data for path, data in files.items())
    assert_nothing_readable(files, NEEDLES)
    with StorageService.open(home, keys=ring(home)) as service:
        assert service.estate.count() == 10
