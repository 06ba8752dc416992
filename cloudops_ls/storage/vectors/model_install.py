"""Installing embedding models: from a directory, or from the Hugging Face hub.

A model is put together aside, embeds a text once, and only then takes its place; what was there
before stays until then.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.home import PRIVATE_FILE, make_private
from cloudops_ls.storage.vectors.embeddings import (
    DESCRIPTION,
    TOKENIZER,
    EmbeddingModel,
    ModelDescription,
    directory_name,
    open_model,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastembed.common.model_description import DenseModelDescription

RECOMMENDED = "sentence-transformers/all-MiniLM-L6-v2"
HUB_SECONDS = 10.0
"""How long the hub may take to answer at all."""
_TOKENIZER_FILES = (
    TOKENIZER,
    "config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "preprocessor_config.json",
)
_GRAPHS = (
    "model.onnx",
    "onnx/model.onnx",
    "model_optimized.onnx",
    "onnx/model_optimized.onnx",
    "model_quantized.onnx",
    "onnx/model_quantized.onnx",
)
"""Where exports put the graph, best first."""
_POOLINGS = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
_SAMPLES = ("database in production", "function that sends mail")
_STAGING = ".installing-"
_REPLACED = ".replaced-"
_COMMIT = re.compile(r"[0-9a-f]{40}")


def known_models() -> list[DenseModelDescription]:
    """Return the models that fastembed knows and the hub has, by name."""
    from fastembed import TextEmbedding

    known = (
        model
        for model in TextEmbedding._list_supported_models()
        if model.sources.hf and model.model_file.endswith(".onnx")
    )
    return sorted(known, key=lambda model: model.model.lower())


def install_from_directory(models: Path, source: Path, name: str | None = None) -> EmbeddingModel:
    """Install the model whose files are in ``source``; asks no network.

    Parameters
    ----------
    models
        Directory of the models.
    source
        Holds an ONNX graph, ``tokenizer.json`` and ``config.json`` in one of the usual layouts
        (fastembed's, Sentence Transformers', an export's), or a ``model.toml`` of ours.
    name
        What to call it; by default as ``source``.

    Returns
    -------
    EmbeddingModel
        Loaded, and verified by embedding with it.

    Raises
    ------
    CloudOpsError
        The files are not those of a model, or do not make one that works.
    """
    if not source.is_dir():
        raise CloudOpsError("There is no such directory", where=str(source))
    name = name or source.resolve().name
    if _COMMIT.fullmatch(name):
        raise CloudOpsError(
            "The directory is named after a commit of the hub",
            where=str(source),
            fix="Say what the model is called: cloudops-ls models install NAME --from DIR",
        )
    with _staged(models) as stage:
        description = _describe(source, _known(name))
        wanted = [*_TOKENIZER_FILES, description.file]
        graph = source / description.file
        # Weights beyond 2 GB lie beside the graph.
        wanted += [
            str(each.relative_to(source))
            for pattern in (f"{graph.name}_data*", f"{graph.name}.data*")
            for each in graph.parent.glob(pattern)
        ]
        for each in wanted:
            if (source / each).is_file():
                (stage / each).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / each, stage / each)
        return _finish(models, stage, name, description)


def install_from_hub(
    models: Path, name: str = RECOMMENDED, *, endpoint: str | None = None
) -> EmbeddingModel:
    """Install a model that fastembed knows from the hub; its progress goes to stderr.

    Parameters
    ----------
    models
        Directory of the models.
    name
        As fastembed calls it.
    endpoint
        A mirror of the hub; by default what ``HF_ENDPOINT`` says, else the hub itself.

    Raises
    ------
    CloudOpsError
        There is no such model, or what came does not work.
    RetryableError
        The hub cannot be reached, or the download broke off.
    """
    known = _known(name)
    if known is None or not known.sources.hf:
        raise CloudOpsError(
            "No such model is known",
            where=name,
            fix="See 'cloudops-ls models list --available', or install one with --from DIR",
        )
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    unreachable = RetryableError(
        "The Hugging Face hub cannot be reached",
        where=endpoint or constants.ENDPOINT,
        fix="Try again with a network, or fetch the files elsewhere and install them with"
        " --from DIR",
    )
    if constants.HF_HUB_OFFLINE:
        raise CloudOpsError(
            "HF_HUB_OFFLINE forbids asking the hub", fix="Unset it, or install with --from DIR"
        )
    with _staged(models) as stage:
        try:
            # Answers soon or never: a download alone would be tried for most of a minute.
            hub = HfApi(endpoint)
            commit = hub.model_info(known.sources.hf, timeout=HUB_SECONDS).sha
            snapshot_download(
                known.sources.hf,
                revision=commit,
                local_dir=stage,
                endpoint=endpoint,
                allow_patterns=[*_TOKENIZER_FILES, known.model_file, *known.additional_files],
            )
        except HfHubHTTPError as error:
            status = error.response.status_code if error.response is not None else None
            raise RetryableError(
                f"The Hugging Face hub answers with status {status}",
                where=known.sources.hf,
                fix="Try again later, or install with --from DIR",
            ) from error
        except (OSError, ValueError, RuntimeError) as error:
            # Its transport raises what httpx raises, wrapped or not, by version.
            raise unreachable from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("httpx", "httpcore"):
                raise unreachable from error
            raise
        shutil.rmtree(stage / ".cache", ignore_errors=True)
        return _finish(models, stage, name, _describe(stage, known))


@contextlib.contextmanager
def _staged(models: Path) -> Iterator[Path]:
    """Give a directory beside the models, gone afterwards unless it took its place."""
    make_private(models)
    for left in models.glob(f"{_STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)
    stage = Path(tempfile.mkdtemp(prefix=_STAGING, dir=models))
    try:
        yield stage
    except OSError as error:
        raise CloudOpsError(
            f"The model cannot be installed: {error.strerror}", where=str(models)
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _known(name: str) -> DenseModelDescription | None:
    for model in known_models():
        if model.model.lower() == name.lower():
            return model
    return None


def _describe(source: Path, known: DenseModelDescription | None) -> ModelDescription:
    """Tell from its files what a model is."""
    if (source / DESCRIPTION).is_file():
        return open_model(source).description
    if known is not None and (source / known.model_file).is_file() and known.dim:
        return ModelDescription(file=known.model_file, dim=known.dim, fastembed=known.model)
    found = [each for each in _GRAPHS if (source / each).is_file()]
    found = found or sorted(str(each.relative_to(source)) for each in source.rglob("*.onnx"))
    if not found:
        raise CloudOpsError(
            "There is no ONNX graph in the directory",
            where=str(source),
            fix="Export the model, as with 'optimum-cli export onnx --model NAME DIR'",
        )
    if not (source / TOKENIZER).is_file():
        raise CloudOpsError(
            f"There is no {TOKENIZER} in the directory",
            where=str(source),
            fix="Save the model's fast tokenizer beside it",
        )
    pooling = _json(source / "1_Pooling" / "config.json")
    kinds = {kind for mode, kind in _POOLINGS.items() if pooling.get(mode)}
    modules = _json(source / "modules.json")
    stages = modules if isinstance(modules, list) else []
    normalise = not stages or any("Normalize" in str(each.get("type")) for each in stages)
    return ModelDescription.model_validate(
        {
            "file": found[0],
            "dim": _dimension(source / found[0]),
            "pooling": kinds.pop() if len(kinds) == 1 else "mean",
            "normalise": normalise,
        }
    )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _dimension(graph: Path) -> int:
    """Return the dimension of a graph's output."""
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
        size = session.get_outputs()[0].shape[-1]
    except Exception as error:  # onnxruntime's errors share no base
        raise CloudOpsError(
            f"The ONNX graph cannot be loaded: {type(error).__name__}", where=str(graph)
        ) from error
    if not isinstance(size, int):
        raise CloudOpsError(
            "The ONNX graph does not say how long its vectors are", where=str(graph)
        )
    return size


def _finish(models: Path, stage: Path, name: str, description: ModelDescription) -> EmbeddingModel:
    """Describe, verify and move a model into its place."""
    with (stage / description.file).open("rb") as file:
        revision = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    described = description.model_copy(update={"revision": revision})
    (stage / DESCRIPTION).write_text(_toml(described.model_dump(exclude_defaults=True)))
    for path in stage.rglob("*"):
        path.chmod(0o700 if path.is_dir() else PRIVATE_FILE)
    _verify(open_model(stage), normalised=description.normalise)
    place = models / directory_name(name)
    replaced = models / f"{_REPLACED}{place.name}"
    shutil.rmtree(replaced, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        place.rename(replaced)
    stage.rename(place)
    shutil.rmtree(replaced, ignore_errors=True)
    os.utime(place / DESCRIPTION)
    return open_model(place)


def _verify(model: EmbeddingModel, *, normalised: bool) -> None:
    import numpy as np

    rows = model.embed(_SAMPLES)
    lengths = np.linalg.norm(rows, axis=1)
    if not np.isfinite(rows).all() or (lengths == 0).any() or np.allclose(rows[0], rows[1]):
        raise CloudOpsError("The model gives no usable vectors", fix="Export it again")
    if normalised and not np.allclose(lengths, 1, atol=1e-3):
        raise CloudOpsError("The model's vectors are not of length 1", fix="Export it again")


def _toml(values: Mapping[str, object]) -> str:
    # Strings, numbers and truth values are the same in JSON.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
