"""Which embedding model serves, and which one is to take its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.indexing.text_vectors import TextVectors
from cloudops_ls.storage.vectors.cache import count_kept
from cloudops_ls.storage.vectors.embeddings import find_model, installed_models

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.storage.database import Database


@dataclass(frozen=True, slots=True)
class Choice:
    """The models in use.

    Attributes
    ----------
    serving
        Whose vectors are searched.
    coming
        Whose vectors are being computed, to take over when they are complete.
    problem
        Why the model that is wanted cannot be had.
    """

    serving: TextVectors
    coming: TextVectors | None = None
    problem: CloudOpsError | None = None


def choose(database: Database, models: Path, name: str | None, *, threads: int | None) -> Choice:
    """Choose between the models that are installed.

    The wanted one serves, unless another one has more vectors: then a change of model has begun
    and is not complete, and the other one serves until it is.

    Parameters
    ----------
    database
        Where vectors are kept.
    models
        Directory of the models.
    name
        The wanted one; None for the one installed last.
    threads
        Threads for embedding.
    """
    problem: CloudOpsError | None = None
    wanted = None
    try:
        wanted = find_model(models, name, threads=threads)
    except CloudOpsError as error:
        problem = error
    if name is not None and wanted is None and problem is None:
        problem = CloudOpsError(
            f"The embedding model {name} is not installed",
            where=str(models),
            fix=f"Run 'cloudops-ls models install {name}', or set search.model to another one",
        )
    kept = count_kept(database)
    others = [
        each
        for each in installed_models(models, threads=threads)
        if (each.name, each.dim) in kept and (wanted is None or each.name != wanted.name)
    ]
    best = max(others, key=lambda each: kept[each.name, each.dim], default=None)
    if best is None:
        return Choice(TextVectors(database, wanted), problem=problem)
    if wanted is None:
        return Choice(TextVectors(database, best), problem=problem)
    if kept[best.name, best.dim] > kept.get((wanted.name, wanted.dim), 0):
        return Choice(TextVectors(database, best), TextVectors(database, wanted))
    return Choice(TextVectors(database, wanted))
