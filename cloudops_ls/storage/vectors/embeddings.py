"""Embedding models on disk, run by fastembed; nothing is ever downloaded here."""

from __future__ import annotations

import threading
import tomllib
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger

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
    fastembed: Annotated[str, Field(pattern=r"^[\w.-]+(/[\w.-]+)*$")] | None = None
    """Name under which fastembed itself knows the model, with its pooling and prefixes."""


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
    def directory(self) -> Path:
        """Where its files are."""
        return self._directory

    @property
    def description(self) -> ModelDescription:
        """The contents of ``model.toml``."""
        return self._description

    @property
    def dim(self) -> int:
        """Dimension of its vectors."""
        return self._description.dim

    @property
    def ready(self) -> bool:
        """Whether it is loaded, so that `embed` answers at once."""
        return self._model is not None

    def load(self) -> None:
        """Load it, unless it is loaded.

        Raises
        ------
        CloudOpsError
            It cannot be loaded.
        """
        self._load()

    def embed_query(self, query: str) -> NDArray[np.float32]:
        """Return the vector of a text to search for; some models tell those from documents.

        Raises
        ------
        CloudOpsError
            As for `embed`.
        """
        import numpy as np

        rows = np.asarray(list(self._load().query_embed([query])), np.float32)
        if rows.shape != (1, self.dim):
            raise self._unusable(f"its vectors have {rows.shape[-1]} dimensions")
        row: NDArray[np.float32] = rows[0]
        return row

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
        if description.fastembed is not None:
            return self._create(description.fastembed)
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
        return self._create(registered)

    def _create(self, name: str) -> TextEmbedding:
        from fastembed import TextEmbedding

        try:
            return TextEmbedding(
                name,
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
    """Return the model called ``name``, or the one installed last; None if there is none.

    Parameters
    ----------
    models
        Directory of the models.
    name
        As a directory below ``models``, or as fastembed calls it (``org/model``).
    threads
        Threads that inference may use.

    Raises
    ------
    CloudOpsError
        Its ``model.toml`` is not valid, or files are missing.
    """
    if name is not None:
        directory = models / directory_name(name)
        return open_model(directory, threads=threads) if _described(directory) else None
    directories = [
        path.parent for path in models.glob(f"*/{DESCRIPTION}") if _described(path.parent)
    ]
    if not directories:
        return None
    newest = max(directories, key=lambda each: ((each / DESCRIPTION).stat().st_mtime_ns, each.name))
    return open_model(newest, threads=threads)


def installed_models(models: Path, *, threads: int | None = None) -> list[EmbeddingModel]:
    """Return the models that are whole, by name."""
    found = []
    for path in sorted(models.glob(f"*/{DESCRIPTION}")):
        if _described(path.parent):
            try:
                found.append(open_model(path.parent, threads=threads))
            except CloudOpsError as error:
                logger.warning("an embedding model is not usable: %s", error.what)
    return found


def directory_name(name: str) -> str:
    """Return what the directory of a model is called."""
    return name.replace("/", "--")


def open_model(directory: Path, *, threads: int | None = None) -> EmbeddingModel:
    """Return the model in ``directory``.

    Raises
    ------
    CloudOpsError
        Its ``model.toml`` is not valid, or files are missing.
    """
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


def _described(directory: Path) -> bool:
    # Names that begin with a dot are installations under way.
    return not directory.name.startswith(".") and (directory / DESCRIPTION).is_file()
