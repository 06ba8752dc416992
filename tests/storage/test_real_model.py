"""all-MiniLM-L6-v2 through fastembed and ONNX Runtime: what search by meaning really does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cloudops_ls.storage.indexing.settings import VectorSettings
from cloudops_ls.storage.records import Match, Message, Role
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.model_install import install_from_directory

from .samples import estate, resource, ring

if TYPE_CHECKING:
    from cloudops_ls.home import Home
    from cloudops_ls.storage.vectors.embeddings import EmbeddingModel

MODEL = Path(__file__).parents[2] / ".cache" / "all-MiniLM-L6-v2"
pytestmark = [
    pytest.mark.skipif(
        not (MODEL / "model.onnx").is_file(), reason="no real model: 'make model' fetches one"
    ),
    pytest.mark.xdist_group("real model"),
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def model(models: Path) -> EmbeddingModel:
    return install_from_directory(models, MODEL)


def test_its_vectors_are_those_that_its_authors_publish(model: EmbeddingModel) -> None:
    # The figures of Sentence Transformers' quickstart.
    rows = model.embed(
        [
            "The weather is lovely today.",
            "It's so sunny outside!",
            "He drove to the stadium.",
        ]
    )
    assert (model.dim, model.description.pooling) == (384, "mean")
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    published = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    assert np.allclose(rows @ rows.T, published, atol=2e-3)


def test_a_sync_embeds_only_what_changed_and_meaning_is_found(
    home: Home, models: Path, model: EmbeddingModel
) -> None:
    fn = {"resource_type": "lambda_function", "engine": None, "state": None, "tags": {}}
    stored = [
        resource("resize-pictures", **fn),
        resource("invoice-mailer", **fn),
        resource("customer-records", tags={"env": "production"}),
    ]
    settings = VectorSettings(models=models)

    def kept(service: StorageService) -> int:
        with service._database.read() as connection:
            found = connection.exec_driver_sql("SELECT count(*) FROM vectors").scalar_one()
        return int(found)

    with StorageService.open(home, vectors=settings, keys=ring(home)) as service:
        assert service.index is not None
        service.estate.bulk_upsert([*stored, *estate(20)])
        service.chat.append("one", Message(role=Role.USER, content="Why are the bills so high?"))
        service.chat.append("two", Message(role=Role.USER, content="Restart the mail gateway"))
        assert service.index.rebuild()
        assert service.health().part("embeddings").detail.endswith("384 dimensions.")
        before = kept(service)

        def best(query: str) -> str:
            hit = service.estate.search(query)[0]
            assert hit.how is Match.HYBRID
            return hit.resource.name

        # None of these words is in any record.
        assert best("shrinks photos to thumbnails") == "resize-pictures"
        assert best("sends bills to clients by post") == "invoice-mailer"
        (first, *_) = service.chat.search_conversations("our costs have grown")
        assert first.id == "one"

        changed = stored[0].model_copy(update={"tags": {"team": "media"}})
        service.estate.bulk_upsert([changed, *stored[1:], *estate(20)])
        assert service.index.embed_pending()
        assert kept(service) == before + 1
        service.estate.bulk_upsert([changed.model_copy(update={"metadata": {"size": 3}})])
        assert service.index.embed_pending()
        assert kept(service) == before + 1, "the text was the same"
