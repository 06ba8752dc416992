from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.aws.stand_in import StandIn, write_profiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def clean_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """No AWS setting of the machine reaches a test; returns the folder of its AWS files."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    folder = home / ".aws"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    return folder


@pytest.fixture
def aws_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = clean_environment(monkeypatch, tmp_path)
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def moto_server() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.stop()


@pytest.fixture
def cloud(moto_server: StandIn, aws_folder: Path) -> StandIn:
    moto_server.reset()
    write_profiles(aws_folder, moto_server.endpoint)
    return moto_server
