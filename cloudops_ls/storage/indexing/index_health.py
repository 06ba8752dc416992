"""What to tell the operator of the search index and of its embedding model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.storage.health import HealthPart, PartState
from cloudops_ls.storage.indexing.collection_state import THINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudops_ls.errors import CloudOpsError
    from cloudops_ls.storage.indexing.collection_state import CollectionState
    from cloudops_ls.storage.indexing.models import Choice


def search_health(
    states: Sequence[CollectionState],
    server_problem: CloudOpsError | None,
    differing: Callable[[], int],
) -> HealthPart:
    """Return how search is.

    Parameters
    ----------
    states
        Of the collections, the estate's first.
    server_problem
        Why the server in the settings is not used, where it is not.
    differing
        Asked, where all else is well, how many points differ from the database.
    """
    name = "search"
    engine = states[0].engine
    counts = " and ".join(f"{state.points or 0:,} {THINGS[state.collection]}" for state in states)
    for state in states:
        if state.absent is not None:
            return HealthPart(
                name=name,
                state=PartState.DEGRADED,
                detail=f"Engine {engine}: {state.absent.reason}; search by text alone.",
                fix=state.absent.fix,
            )
    detail = f"Engine {engine}, {counts}"
    complete = all(state.complete for state in states)
    if not complete:
        detail += ", still being built"
    note = next((state.note for state in states if state.note), None)
    if server_problem is not None:
        return HealthPart(
            name=name,
            state=PartState.DEGRADED,
            detail=f"{detail}, because {server_problem.what}.",
            fix=server_problem.fix,
        )
    if note is not None:
        return HealthPart(
            name=name,
            state=PartState.DEGRADED,
            detail=f"{detail}; slower, because {note}.",
            fix="Give /dev/shm or XDG_RUNTIME_DIR more memory",
        )
    if not complete:
        return HealthPart(name=name, state=PartState.DEGRADED, detail=f"{detail}.")
    found = differing()
    if found:
        return HealthPart(
            name=name,
            state=PartState.DEGRADED,
            detail=f"{detail}; {found:,} differ from the database.",
            fix="It is mended by itself; 'cloudops-ls index rebuild' does it now",
        )
    return HealthPart(name=name, state=PartState.OK, detail=f"{detail}, none differs.")


def model_health(choice: Choice, unembedded: Callable[[], int]) -> HealthPart:
    """Return how the embedding model is.

    Parameters
    ----------
    choice
        The models in use.
    unembedded
        Asked, where all else is well, how many texts lack a vector.
    """
    name = "embeddings"
    serving, coming = choice.serving, choice.coming
    problem = choice.problem or serving.problem or (coming.problem if coming else None)
    if problem is not None:
        meanwhile = f"{serving.name} serves" if serving.usable else "exact and keyword search only"
        return HealthPart(
            name=name,
            state=PartState.DEGRADED,
            detail=f"{problem.what}: {meanwhile}.",
            fix=problem.fix,
        )
    if coming is not None:
        meanwhile = f"{serving.name} serves" if serving.usable else "keywords serve"
        return HealthPart(
            name=name,
            state=PartState.DEGRADED,
            detail=f"Changing to model {coming.name}, {coming.dim} dimensions; {meanwhile}.",
        )
    if not serving.usable:
        return HealthPart(
            name=name,
            state=PartState.DEGRADED,
            detail="No embedding model: exact and keyword search only.",
            fix="Run 'cloudops-ls models install' to search by meaning",
        )
    detail = f"Model {serving.name}, {serving.dim} dimensions"
    pending = unembedded()
    if pending:
        return HealthPart(
            name=name,
            state=PartState.DEGRADED,
            detail=f"{detail}, {pending:,} texts still to embed.",
        )
    return HealthPart(name=name, state=PartState.OK, detail=f"{detail}.")
