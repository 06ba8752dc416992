from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from cloudops_ls.cli import types
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.catalog.loader import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[typer.Typer]:
    app = typer.Typer()
    types.register(app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOUDOPS_HOME", str(tmp_path_factory.mktemp("home")))
        yield app


def test_all_types_are_shown(app: typer.Typer) -> None:
    lines = CliRunner().invoke(app, []).stdout
    assert all(kind.name in lines for kind in Catalog.load())


@pytest.mark.parametrize(
    ("word", "names"),
    [("sqs", {"sqs_queue"}), ("Buckets", {"s3_bucket"}), ("neptune_cluster", {"neptune_cluster"})],
)
def test_words_and_services_choose(app: typer.Typer, word: str, names: set[str]) -> None:
    found = json.loads(CliRunner().invoke(app, [word, "--json"]).stdout)
    assert {one["name"] for one in found} == names


def test_json_says_what_can_be_done(app: typer.Typer) -> None:
    (found,) = json.loads(CliRunner().invoke(app, ["rds_instance", "--json"]).stdout)
    stop = found["actions"]["stop"]
    assert stop["operation"] == "rds:StopDBInstance"
    assert stop["inverse"] == "start"
    assert found["relations"]["cluster"] == "rds_cluster"


def test_an_unknown_word_is_one_message(app: typer.Typer) -> None:
    failure = CliRunner().invoke(app, ["teapot"]).exception
    assert isinstance(failure, CloudOpsError)
    assert "teapot" in str(failure)
