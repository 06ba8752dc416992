"""Installing embedding models, from a directory and from a hub on loopback."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.storage.vectors.embeddings import find_model, installed_models
from cloudops_ls.storage.vectors.model_install import (
    RECOMMENDED,
    install_from_directory,
    install_from_hub,
)

from .hub import HubServer
from .models import install_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def _exported(tmp_path: Path) -> Path:
    source = install_model(tmp_path / "from", "exported")
    (source / "model.toml").unlink()
    return source


def test_the_files_alone_tell_what_a_model_is(tmp_path: Path, models: Path) -> None:
    source = _exported(tmp_path)
    (source / "onnx").mkdir()
    (source / "model.onnx").rename(source / "onnx" / "model.onnx")
    (source / "1_Pooling").mkdir()
    (source / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    (source / "modules.json").write_text('[{"type": "sentence_transformers.models.Transformer"}]')
    model = install_from_directory(models, source, "org/name")
    described = model.description
    assert (described.file, described.dim) == ("onnx/model.onnx", 16)
    assert (described.pooling, described.normalise) == ("cls", False)
    assert len(described.revision) == 12
    found = find_model(models, "org/name")
    assert found is not None
    assert found.name == model.name == f"org--name@{described.revision}"
    modes = {path.stat().st_mode & 0o777 for path in models.rglob("*")}
    assert modes == {0o600, 0o700}


def test_another_model_of_the_same_name_takes_its_place(tmp_path: Path, models: Path) -> None:
    first = install_from_directory(models, install_model(tmp_path / "a", "exported"))
    second = install_from_directory(models, install_model(tmp_path / "b", "exported", dim=24))
    assert first.name != second.name
    assert [(model.name, model.dim) for model in installed_models(models)] == [(second.name, 24)]
    assert [path.name for path in models.iterdir()] == ["exported"]


def test_the_model_installed_last_is_the_one_that_is_used(tmp_path: Path, models: Path) -> None:
    for name in ("b", "a", "c"):
        install_from_directory(models, install_model(tmp_path / "from", name))
        found = find_model(models)
        assert found is not None
        assert found.directory.name == name


def test_a_snapshot_of_the_hub_wants_a_name(tmp_path: Path, models: Path) -> None:
    source = _exported(tmp_path).rename(tmp_path / ("0123456789" * 4))
    with pytest.raises(CloudOpsError, match="named after a commit"):
        install_from_directory(models, source)
    assert install_from_directory(models, source, "mine").dim == 16
    with pytest.raises(CloudOpsError, match="no such directory"):
        install_from_directory(models, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda source: (source / "model.onnx").unlink(), "no ONNX graph"),
        (lambda source: (source / "tokenizer.json").unlink(), "no tokenizer"),
        (lambda source: (source / "model.onnx").write_bytes(b"x"), "ONNX graph cannot be loaded"),
        (lambda source: (source / "tokenizer.json").write_text("{}"), "cannot be used"),
    ],
)
def test_what_is_no_model_is_refused_and_leaves_nothing(
    tmp_path: Path, models: Path, damage: Callable[[Path], None], message: str
) -> None:
    source = _exported(tmp_path)
    damage(source)
    before = install_from_directory(models, install_model(tmp_path / "good", "exported"))
    with pytest.raises(CloudOpsError, match=message):
        install_from_directory(models, source)
    assert [path.name for path in models.iterdir()] == ["exported"]
    assert before.embed(["text"]).shape == (1, 16)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    files = install_model(tmp_path / "hub", "tiny", dim=384)
    with HubServer("Qdrant/all-MiniLM-L6-v2-onnx", files) as running:
        yield running


def test_a_model_comes_from_the_hub(models: Path, hub: HubServer) -> None:
    model = install_from_hub(models, endpoint=hub.url)
    assert (model.description.fastembed, model.dim) == (RECOMMENDED, 384)
    assert model.embed_query("serverless").shape == (384,)
    assert [path.name for path in models.iterdir()] == [RECOMMENDED.replace("/", "--")]
    assert not list(models.rglob(".cache"))


def test_a_hub_that_is_away_is_said_soon_and_leaves_nothing(
    models: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = time.monotonic()
    with pytest.raises(RetryableError, match="hub cannot be reached") as caught:
        install_from_hub(models, endpoint="http://127.0.0.1:1")
    assert time.monotonic() - begin < 30
    assert caught.value.where == "http://127.0.0.1:1"
    assert "--from DIR" in str(caught.value)
    hub.status = 503
    with pytest.raises(RetryableError, match="hub"):
        install_from_hub(models, endpoint=hub.url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CloudOpsError, match="HF_HUB_OFFLINE forbids"):
        install_from_hub(models, endpoint=hub.url)
    with pytest.raises(CloudOpsError, match="No such model is known"):
        install_from_hub(models, "no/such-model")
    assert list(models.iterdir()) == []
