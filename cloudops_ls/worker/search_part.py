"""The worker's part for searching the estate."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.search.estate_search import EstateSearch
from cloudops_ls.estate.search.finder import Where
from cloudops_ls.estate.search.query import SearchQuery
from cloudops_ls.storage.records import ResourceFilter
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudops_ls.estate.search.current import CurrentNames
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.index_part import IndexPart

_USUAL_LIMIT = 20


class SearchPart:
    """Answers searches by names, filters and meaning.

    Parameters
    ----------
    storage
        The store, opened with its search index.
    names
        The names in memory; the part keeps them in step with the store.
    index
        Told when the search index must be filled again.
    """

    def __init__(self, storage: StorageService, names: CurrentNames, index: IndexPart) -> None:
        self._index = index
        self._estate = storage.estate
        self._names = names
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="names")
        self._search = EstateSearch(storage.estate, names, self._reading)
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {wire.SEARCH: self.search}

    @property
    def busy(self) -> bool:
        """Whether work goes on that nobody waits for: never."""
        return False

    def start(self) -> None:
        """Read the names, which may take seconds, before somebody waits for them."""
        # Should it fail, the first search tries again and says why.
        self._reading.submit(self._names.catch_up, self._estate)

    def abandon(self) -> None:
        """Do nothing: a search ends by itself."""

    def close(self) -> None:
        """Stop reading names."""
        self._reading.shutdown(wait=False, cancel_futures=True)

    def search(self, params: dict[str, Any]) -> dict[str, Any]:
        """Search the estate.

        Parameters
        ----------
        params
            ``query`` with its filters; more ``filters`` as of ``ResourceFilter``; ``limit``;
            ``account_id``, ``region`` and ``recent`` as of ``Where``.

        Returns
        -------
        dict
            ``hits``, and the filters ``unmatched`` by anything as they were typed.
        """
        narrowed = _filters(params)
        query = SearchQuery.parse(str(params["query"])).narrowed(
            types=narrowed.types,
            regions=narrowed.regions,
            states=narrowed.states,
            accounts=narrowed.accounts,
            tags=narrowed.tags,
        )
        where = Where(
            params.get("account_id"), params.get("region"), tuple(params.get("recent") or ())
        )
        self._index.mend()
        found = self._search.search(query, int(params.get("limit") or _USUAL_LIMIT), where)
        return {
            "hits": [hit.model_dump(mode="json") for hit in found.hits],
            "unmatched": [str(one) for one in found.unmatched],
        }


def _filters(params: dict[str, Any]) -> ResourceFilter:
    try:
        return ResourceFilter.model_validate(params.get("filters") or {})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(step) for step in first["loc"])
        raise CloudOpsError(
            f"The search filter is wrong: {first['msg']}",
            where=name,
            fix=f"Filters are {', '.join(ResourceFilter.model_fields)}",
        ) from None
