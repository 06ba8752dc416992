"""Embedding models on disk, run by fastembed; nothing is ever downloaded here."""

from __future__ import annotations

import threading
import tomllib
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from fastembed import TextEmbedding
    from numpy.typing import NDArray

DESCRIPTION = "model.toml"
TOKENIZER = "tokenizer.json"
_registering = threading.Lock()


class ModelDescription(BaseModel):
    """``model.toml``: what fastembed must know of a model in the same directory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Annotated[str, Field(pattern=r"^[\w-][\w.-]*(/[\w-][\w.-]*)*$")] = "model.onnx"
    """The ONNX graph, relative to the directory."""
    dim: Annotated[int, Field(ge=1, le=8192)]
    pooling: Literal["mean", "cls", "disabled"] = "mean"
    normalise: bool = True
    revision: str = ""
    """Changes when the files do; vectors of another revision are not used."""


class EmbeddingModel:
    """One model; loads itself in the first call of `embed`.

    Parameters
    ----------
    directory
        Holds ``model.toml``, the ONNX graph and the tokenizer's files.
    description
        The contents of ``model.toml``.
    threads
        Threads that inference may use.
    """

    def __init__(
        self, directory: Path, description: ModelDescription, *, threads: int | None = None
    ) -> None:
        self._directory = directory
        self._description = description
        self._threads = threads
        self._loading = threading.Lock()
        self._model: TextEmbedding | None = None

    @property
    def name(self) -> str:
        """Name and revision, under which its vectors are kept."""
        revision = self._description.revision
        return f"{self._directory.name}@{revision}" if revision else self._directory.name

    @property
    def dim(self) -> int:
        """Dimension of its vectors."""
        return self._description.dim

    @property
    def ready(self) -> bool:
        """Whether it is loaded, so that `embed` answers at once."""
        return self._model is not None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row per text.

        Raises
        ------
        CloudOpsError
            The model cannot be loaded, or its vectors are not what ``model.toml`` says.
        """
        import numpy as np

        model = self._load()
        rows = np.asarray(list(model.embed(list(texts), batch_size=len(texts) or 1)), np.float32)
        if rows.shape != (len(texts), self.dim):
            raise self._unusable(f"its vectors have {rows.shape[-1]} dimensions")
        return rows

    def _load(self) -> TextEmbedding:
        with self._loading:
            if self._model is None:
                self._model = self._open()
            return self._model

    def _open(self) -> TextEmbedding:
        from fastembed import TextEmbedding
        from fastembed.common.model_description import ModelSource, PoolingType

        description = self._description
        registered = f"cloudops-ls/{self._directory.name}/{description.model_dump_json()}"
        with _registering:
            known = {each["model"] for each in TextEmbedding.list_supported_models()}
            if registered not in known:
                TextEmbedding.add_custom_model(
                    model=registered,
                    pooling=PoolingType(description.pooling.upper()),
                    normalization=description.normalise,
                    # fastembed wants a source; with a path of files it is never asked.
                    sources=ModelSource(url="file:"),
                    dim=description.dim,
                    model_file=description.file,
                )
        try:
            return TextEmbedding(
                registered,
                specific_model_path=str(self._directory),
                local_files_only=True,
                threads=self._threads,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # onnxruntime and tokenizers share no base of errors
            raise self._unusable(type(error).__name__) from error

    def _unusable(self, reason: str) -> CloudOpsError:
        return CloudOpsError(
            f"The embedding model cannot be used: {reason}",
            where=str(self._directory),
            fix="Install the model again, or remove its directory",
        )


def find_model(
    models: Path, name: str | None = None, *, threads: int | None = None
) -> EmbeddingModel | None:
    """Return the model called ``name`` in ``models``, or the first one; None if there is none.

    Raises
    ------
    CloudOpsError
        Its ``model.toml`` is not valid, or files are missing.
    """
    if name is None:
        described = sorted(models.glob(f"*/{DESCRIPTION}"))
        if not described:
            return None
        directory = described[0].parent
    else:
        directory = models / name
        if not (directory / DESCRIPTION).is_file():
            return None
    try:
        description = ModelDescription.model_validate(
            tomllib.loads((directory / DESCRIPTION).read_text(encoding="utf-8"))
        )
    except (OSError, ValueError, ValidationError) as error:
        raise CloudOpsError(
            "The description of the embedding model is not valid",
            where=str(directory / DESCRIPTION),
            fix="Install the model again, or remove its directory",
        ) from error
    missing = [each for each in (description.file, TOKENIZER) if not (directory / each).is_file()]
    if missing:
        raise CloudOpsError(
            f"The embedding model is incomplete: {', '.join(missing)} missing",
            where=str(directory),
            fix="Install the model again, or remove its directory",
        )
    return EmbeddingModel(directory, description, threads=threads)
