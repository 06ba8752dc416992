"""Answers from the stored estate: lists, what hangs together, what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant import reading
from cloudops_ls.assistant.describe import joined, sentence
from cloudops_ls.assistant.protocol import InformationReply
from cloudops_ls.assistant.tables import changes_table, connections_table, resources_table
from cloudops_ls.assistant.untrusted import code_span
from cloudops_ls.estate.catalog.model import plural
from cloudops_ls.storage.records import ChangeKind, ResourceFilter

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from cloudops_ls.assistant.known_estate import Connection, KnownEstate
    from cloudops_ls.assistant.protocol import Reply, ResourceRecord
    from cloudops_ls.assistant.reading import Reading
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.identify.model import Description

MOST_ROWS: Final = 50
_MOST_CHANGES: Final = 2_000
"""Changes among which those of one kind are looked for."""


class EstateAnswers:
    """Words what the store knows.

    Parameters
    ----------
    catalog
        What types and relations are called.
    estate
        What is asked.
    """

    def __init__(self, catalog: Catalog, estate: KnownEstate) -> None:
        self._catalog = catalog
        self._estate = estate

    def is_listing(self, wanted: Reading, text: str) -> bool:
        """Tell whether a sentence that names no type asks for resources all the same."""
        if wanted.untagged:
            return True
        if not wanted.tags and not reading.asks_for_anything(text):
            return False
        places = (*wanted.regions, *wanted.accounts, *wanted.environments)
        if wanted.tags or wanted.states or wanted.not_states or places:
            return True
        described = self.described(text, wanted)
        if described is None or described.unknown or not described.whole:
            return False
        return bool(described.words) or reading.asks_for_everything(text)

    def listing(self, wanted: Reading, text: str) -> Reply:
        """Return the resources that fulfil the conditions of a sentence, as a table."""
        described = self.described(text, wanted)
        among = described.arns if described is not None and described.arns else None
        found = self._estate.listing(wanted.query, MOST_ROWS, wanted.constraints, among)
        words = described.words if described is not None else ()
        notes = [self._misunderstood(described)] if described is not None else []
        if not found.total:
            nothing = f"I know no {self._described(wanted, words)}. A scan may find what is new."
            return InformationReply(text="\n\n".join(filter(None, [nothing, *notes])))
        one = found.total == 1
        verb = "is" if one else "are"
        counted = f"There {verb} " if reading.asks_for_count(text) else ""
        heading = f"{counted}**{found.total:,}** {self._described(wanted, words, one=one)}."
        table = resources_table(found.resources, self._catalog, typed=not wanted.kinds)
        parts = [heading, *notes, table]
        if found.total > len(found.resources):
            rest = found.total - len(found.resources)
            parts.append(f"… and {rest:,} more: narrow it by a state, region, account or tag.")
        return InformationReply(text="\n\n".join(filter(None, parts)))

    def described(self, text: str, wanted: Reading, *, ordered: bool = False) -> Description | None:
        """Return what a sentence describes beside its conditions: words of names, tags, accounts.

        Parameters
        ----------
        ordered
            As of `reading.description_in`.
        """
        return self._estate.described(reading.description_in(text, wanted, ordered=ordered))

    def _misunderstood(self, described: Description) -> str:
        parts = []
        if not described.whole:
            parts.append("Nothing fits all of what you wrote; this is what fits the rest of it.")
        if described.unknown:
            words = joined([code_span(word) for word in described.unknown])
            parts.append(f"Nothing here is called {words}; that was left out.")
        return " ".join(parts)

    def matching(
        self, wanted: Reading, limit: int, among: Collection[str]
    ) -> tuple[tuple[ResourceRecord, ...], int]:
        """Return the first resources that fulfil the conditions, and how many there are."""
        found = self._estate.listing(wanted.query, limit, wanted.constraints, among)
        return found.resources, found.total

    def related(
        self, resources: Sequence[ResourceRecord], found: Sequence[ResourceRecord], omitted: int
    ) -> Reply:
        """Return what a sentence describes by what it belongs to: "web servers behind shop-alb"."""
        names = joined([code_span(one.name) for one in resources])
        many = f"**{len(found) + omitted:,}** belong to {names}"
        shown = found[:MOST_ROWS]
        parts = [
            f"{many}:" if len(shown) == len(found) else f"{many}; the first {MOST_ROWS}:",
            resources_table(shown, self._catalog),
        ]
        return InformationReply(text="\n\n".join(parts))

    def connections(self, resources: Sequence[ResourceRecord], kinds: Sequence[str]) -> Reply:
        """Return what depends on resources and what they depend on.

        Parameters
        ----------
        kinds
            Only resources of these types; of all when empty.
        """
        parts = []
        for resource in resources:
            parts.append(f"{sentence(resource, self._catalog)}.")
            both = [
                ("Depends on it", _of(self._estate.dependents(resource.arn), kinds)),
                ("It depends on", _of(self._estate.referred_to(resource.arn), kinds)),
            ]
            if kinds and not any(found for _, found in both):
                titles = joined([plural(self._catalog[name].title) for name in kinds])
                parts.append(f"I know of no {titles} that hang together with it.")
            else:
                parts += [self._connected(label, found) for label, found in both]
        return InformationReply(text="\n\n".join(parts))

    def changes(self, wanted: Reading, since: datetime, kind: ChangeKind | None = None) -> Reply:
        """Return what scans noticed since a moment; of one kind alone, if one is named."""
        filters = ResourceFilter(
            accounts=tuple(dict.fromkeys((*wanted.accounts, *wanted.environments))),
            regions=wanted.regions,
            types=wanted.kinds,
        )
        found = self._estate.changes(since, filters, _MOST_CHANGES if kind else MOST_ROWS + 1)
        found = [change for change in found if kind in (None, change.kind)]
        moment = f"{since:%Y-%m-%d %H:%M} UTC"
        if not found:
            about = f" of {self._described(wanted)}" if wanted.kinds or wanted.regions else ""
            noticed = {None: "a change", ChangeKind.ADDED: "anything new"}.get(
                kind, "anything gone"
            )
            text = f"No scan noticed {noticed}{about} since {moment}."
            return InformationReply(text=text)
        more = f"At least {MOST_ROWS}" if len(found) > MOST_ROWS else str(len(found))
        noun = "change" if len(found) == 1 else "changes"
        parts = [
            f"**{more}** {noun} since {moment}, as scans noticed them, newest first.",
            changes_table(found[:MOST_ROWS], self._catalog),
        ]
        return InformationReply(text="\n\n".join(parts))

    def history(self, resources: Sequence[ResourceRecord]) -> Reply:
        """Return what happened to single resources."""
        parts = []
        for resource in resources:
            found = self._estate.history(resource.arn, MOST_ROWS)
            parts.append(f"{sentence(resource, self._catalog)}.")
            parts.append(
                changes_table(found, self._catalog) if found else "No scan noticed a change of it."
            )
        return InformationReply(text="\n\n".join(parts))

    def _connected(self, label: str, found: Sequence[Connection]) -> str:
        if not found:
            return f"{label}: nothing that I know."
        table = connections_table(found[:MOST_ROWS], self._catalog)
        more = f"\n\n… and {len(found) - MOST_ROWS} more." if len(found) > MOST_ROWS else ""
        return f"{label}, **{len(found)}**:\n\n{table}{more}"

    def _described(self, wanted: Reading, words: Sequence[str] = (), *, one: bool = False) -> str:
        titles = [self._catalog[name].title for name in wanted.kinds]
        called = joined([title if one else plural(title) for title in titles])
        parts = [called or ("resource" if one else "resources")]
        if wanted.states:
            parts.append(f"in state {joined([code_span(state) for state in wanted.states])}")
        if wanted.not_states:
            parts.append(f"not {joined([code_span(state) for state in wanted.not_states])}")
        for name, want in wanted.constraints:
            parts.append(f"{'' if want else 'not '}{name.replace('_', ' ')}")
        if wanted.regions:
            parts.append(f"in {joined([code_span(region) for region in wanted.regions])}")
        known = {account.account_id: account for account in self._estate.accounts()}
        if wanted.accounts:
            accounts = [known[one].alias or one if one in known else one for one in wanted.accounts]
            parts.append(f"in account {joined([code_span(one) for one in accounts])}")
        if wanted.tags:
            tags = [code_span(f"{key}={value}") for key, value in wanted.tags]
            parts.append(f"tagged {joined(tags)}")
        if wanted.untagged:
            parts.append(f"without the tag {joined([code_span(key) for key in wanted.untagged])}")
        # Said already, as the account.
        said = {
            name
            for one in wanted.accounts
            if one in known
            for name in (known[one].alias, *known[one].profiles)
        }
        words = [word for word in words if word not in said]
        if words:
            parts.append(
                f"with {joined([code_span(word) for word in words])} in name, tags or account"
            )
        return ", ".join(parts)


def _of(found: Sequence[Connection], kinds: Sequence[str]) -> Sequence[Connection]:
    return [one for one in found if not kinds or one.resource.resource_type in kinds]
