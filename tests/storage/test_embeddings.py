from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.vectors.cache import VectorCache
from cloudops_ls.storage.vectors.embeddings import EmbeddingModel, find_model

from .models import DIM, install_model

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.storage.service import StorageService


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return install_model(tmp_path / "models")


def _model(directory: Path) -> EmbeddingModel:
    found = find_model(directory.parent)
    assert found is not None
    return found


def test_a_model_on_disk_embeds_meaning(directory: Path) -> None:
    model = _model(directory)
    assert (model.name, model.dim, model.ready) == ("tiny", DIM, False)
    one, same, other = model.embed(["postgresql", "relational database", "lambda function"])
    assert model.ready
    assert np.linalg.norm(one) == pytest.approx(1.0)
    assert one @ same == pytest.approx(1.0, abs=1e-3)
    assert one @ other == pytest.approx(0.0, abs=1e-3)


def test_a_batch_gives_what_single_texts_give(directory: Path) -> None:
    model = _model(directory)
    texts = ["postgres", "production lambda function of the team", "bucket"]
    singles = np.vstack([model.embed([text]) for text in texts])
    assert np.allclose(model.embed(texts), singles, atol=1e-5)


def test_no_model_is_none(tmp_path: Path, directory: Path) -> None:
    assert find_model(tmp_path / "nowhere") is None
    assert find_model(directory.parent, "another") is None
    assert find_model(directory.parent, "tiny") is not None


def test_an_incomplete_model_is_named_at_once_and_downloads_nothing(directory: Path) -> None:
    (directory / "model.onnx").unlink()
    begin = time.monotonic()
    with pytest.raises(CloudOpsError, match=r"incomplete: model\.onnx missing"):
        find_model(directory.parent)
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize("content", ["dim = 0", "dim = 'x'", "not toml", 'dim = 3\nfile = "../x"'])
def test_an_invalid_description_is_named(directory: Path, content: str) -> None:
    (directory / "model.toml").write_text(content)
    with pytest.raises(CloudOpsError, match="description of the embedding model is not valid"):
        find_model(directory.parent)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_damaged_model_is_named_when_it_is_loaded(directory: Path, name: str) -> None:
    (directory / name).write_bytes(b"damaged")
    begin = time.monotonic()
    with pytest.raises(CloudOpsError, match="cannot be used"):
        _model(directory).embed(["text"])
    assert time.monotonic() - begin < 10


def test_a_model_of_another_dimension_is_named(directory: Path) -> None:
    (directory / "model.toml").write_text("dim = 99")
    with pytest.raises(CloudOpsError, match="16 dimensions"):
        _model(directory).embed(["text"])


def test_vectors_are_kept_by_model_and_text(service: StorageService) -> None:
    cache = VectorCache(service._database, "tiny", 3)
    vector = np.array([0.25, -1.0, 3.5], np.float32)
    cache.put({"text": vector})
    cache.put({"text": vector})
    cache.put({})
    found = cache.get(["text", "other"])
    assert list(found) == ["text"]
    assert np.array_equal(found["text"], vector)
    assert VectorCache(service._database, "another", 3).get(["text"]) == {}
    assert VectorCache(service._database, "tiny", 4).get(["text"]) == {}


def test_the_runtime_of_models_is_told_to_call_nobody_before_it_is_loaded() -> None:
    script = (
        "import os, sys; import cloudops_ls.storage.vectors.embeddings;"
        "print('onnxruntime' in sys.modules, os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    environment = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}
    told = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["False", "1"]
