"""What operators call types, regions and accounts, for filters and descriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.estate.search.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.storage.records import AccountRecord


class Vocabulary:
    """Words for what resources have in common.

    Parameters
    ----------
    catalog
        Knows what types are called; without it, types go by their own names alone.
    places
        Knows what regions are called.
    accounts
        Returns the accounts known now: they go by id, alias and profile.
    """

    def __init__(
        self,
        catalog: Catalog | None = None,
        places: Places | None = None,
        accounts: Callable[[], Sequence[AccountRecord]] = tuple,
    ) -> None:
        self._catalog = catalog
        self._places = places or Places.load()
        self._accounts = accounts

    @property
    def places(self) -> Places:
        """The names of regions."""
        return self._places

    def types(self, word: str, present: Iterable[str]) -> frozenset[str]:
        """Return which of the types ``present`` a word means.

        A type's own name, the first words of it (``rds`` for ``rds_instance``), its service, or
        what the catalog says that operators call it.
        """
        folded = word.casefold().replace("-", "_")
        found = {name for name in present if name == folded or name.startswith(f"{folded}_")}
        if self._catalog is not None:
            kinds = {kind.name for kind in self._catalog.called(word.replace("_", " "))}
            kinds |= {kind.name for kind in self._catalog.of_service(folded)}
            found |= kinds.intersection(present)
        return frozenset(found)

    def regions(self, word: str, present: Iterable[str]) -> frozenset[str]:
        """Return which of the regions ``present`` a code, city, country or area means."""
        return (self._places.called(word) | {word.casefold()}) & frozenset(present)

    def accounts(self, word: str, present: Iterable[str]) -> frozenset[str]:
        """Return which of the account ids ``present`` an id, alias or profile means."""
        folded = word.casefold()
        found = {
            account.account_id
            for account in self._accounts()
            if folded
            in {(account.alias or "").casefold(), *(one.casefold() for one in account.profiles)}
        }
        return frozenset({*found, word}) & frozenset(present)
