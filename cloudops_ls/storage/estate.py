"""The AWS estate: resources, accounts, and the listings that keep them true."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import ColumnElement, and_, func, or_, select

from cloudops_ls.storage import changes, sync
from cloudops_ls.storage.name_snapshot import NameSnapshot, keep, kept, kept_revision
from cloudops_ls.storage.records import (
    AccountRecord,
    Change,
    NameChanges,
    NameRow,
    ResourceFilter,
    Scope,
    ScopeOutcome,
    SearchHit,
    SweepResult,
    UpsertResult,
)
from cloudops_ls.storage.resource_rows import (
    advance_revision,
    current_revision,
    load,
    loading,
    resource_of,
)
from cloudops_ls.storage.resource_streams import (
    names_since,
    stream_details,
    stream_metadata,
    stream_names,
)
from cloudops_ls.storage.resource_writes import count_seen, remove, sweep, write_resources
from cloudops_ls.storage.search import EstateSearch, Similarity, find
from cloudops_ls.storage.tables import AccountRow, ResourceRow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.resource import Resource

TRANSACTION_SIZE = 2000
"""Resources per transaction of a bulk write, so that other writers get their turn."""
_NAMES_PER_QUERY = 500


class Index(Similarity, Protocol):
    """The search index, as the estate sees it: told about changes, asked for likeness."""

    def apply(self, changed: Sequence[Resource], deleted: Sequence[str], revision: int) -> None:
        """Follow a committed change, which made the estate's revision ``revision``."""
        ...


class EstateStorage:
    """All resources of all accounts.

    Parameters
    ----------
    database
        Where they are.
    index
        The search index to keep up to date and to search; without one, search is by text alone.
    """

    def __init__(self, database: Database, index: Index | None = None) -> None:
        self._database = database
        self._index = index
        self._search = EstateSearch(database, index)

    # Writing

    def upsert_resource(self, resource: Resource, *, generation: int | None = None) -> UpsertResult:
        """Add or replace one resource; see `bulk_upsert`."""
        return self.bulk_upsert([resource], generation=generation)

    def bulk_upsert(
        self, resources: Iterable[Resource], *, generation: int | None = None
    ) -> UpsertResult:
        """Add or replace resources by ARN, a few thousand per transaction.

        Parameters
        ----------
        resources
            May be a generator: it is read as it is written.
        generation
            What `begin_scope` returned, when they come from that listing. Without it they count
            as seen by any listing under way, so none will sweep them.

        Returns
        -------
        UpsertResult
            How many were new, differed from what was stored, or were merely seen again.
        """
        added = changed = unchanged = 0
        source = iter(resources)
        while batch := list(islice(source, TRANSACTION_SIZE)):
            # The last of several records of one resource wins, as if written one by one.
            latest = list({resource.arn: resource for resource in batch}.values())
            with self._database.write() as connection:
                new, different, same = write_resources(
                    self._database, connection, latest, generation
                )
                revision = current_revision(connection)
            added, changed = added + len(new), changed + len(different)
            unchanged += same
            if self._index is not None and (new or different):
                self._index.apply([*new, *different], (), revision)
        return UpsertResult(added=added, changed=changed, unchanged=unchanged)

    def delete_resource(self, arn: str) -> bool:
        """Delete one resource; return whether it was there."""
        with self._database.write() as connection:
            removed = remove(self._database, connection, ResourceRow.arn == arn)
            revision = current_revision(connection) + 1
            if removed:
                advance_revision(self._database, connection, revision)
        if removed and self._index is not None:
            self._index.apply((), (arn,), revision)
        return bool(removed)

    def begin_scope(self, account_id: str, region: str, resource_type: str) -> int:
        """Start listing one scope; return the generation to stamp its resources with.

        A power cut may take it back, with everything that was to follow.
        """
        with self._database.write(durable=False) as connection:
            return sync.begin(self._database, connection, Scope(account_id, region, resource_type))

    def finish_scope(
        self,
        account_id: str,
        region: str,
        resource_type: str,
        generation: int,
        *,
        complete: bool,
        error: str | None = None,
        outcome: ScopeOutcome | None = None,
        resources: Sequence[Resource] = (),
    ) -> SweepResult:
        """End the listing of a scope.

        Parameters
        ----------
        account_id, region, resource_type, generation
            As for and from `begin_scope`.
        complete
            The listing reached its last page without an error. Only then are the scope's
            resources that it did not see deleted: empty is not the same as absent.
        error
            Why it is incomplete, for the operator.
        outcome
            What kind of end that is; by default complete or failed.
        resources
            The last of what the listing found, written in the same transaction.
        """
        scope = Scope(account_id, region, resource_type)
        gone: list[str] = []
        written: list[Resource] = []
        with self._database.write() as connection:
            if sync.current_generations(connection, [scope]).get(scope) != generation:
                return SweepResult(seen=0, superseded=True)
            if resources:
                latest = list({resource.arn: resource for resource in resources}.values())
                new, different, _ = write_resources(self._database, connection, latest, generation)
                written = [*new, *different]
            if complete:
                gone = sweep(self._database, connection, scope, generation)
            revision = current_revision(connection)
            if gone:
                # What was written and what went are one change, with one revision.
                revision += not written
                advance_revision(self._database, connection, revision)
            seen = count_seen(connection, scope, generation)
            reason = None if complete else (error or "The listing did not reach its end.")
            ended = ScopeOutcome.COMPLETE if complete else (outcome or ScopeOutcome.FAILED)
            sync.finish(connection, scope, generation, seen=seen, error=reason, outcome=ended)
        if (gone or written) and self._index is not None:
            self._index.apply(written, gone, revision)
        return SweepResult(seen=seen, removed=tuple(gone))

    # Reading

    def search(
        self, query: str, filters: ResourceFilter | None = None, limit: int = 20
    ) -> list[SearchHit]:
        """Return resources for ``query``, best first.

        First those whose name, identifier or ARN it is, then those whose name contains it, then
        those that the index finds alike (without an index: that contain words of it).
        """
        return self._search.search(query, filters or ResourceFilter(), limit)

    def similar(
        self, query: str, among: Collection[str] | None = None, limit: int = 20
    ) -> list[SearchHit]:
        """Return what `search` finds by likeness alone, whatever things are called.

        Parameters
        ----------
        among
            The ARNs of the resources that count; all by default.
        """
        return self._search.similar(query, among, limit)

    def load(self, arns: Iterable[str]) -> list[Resource]:
        """Return those of ``arns`` that exist, in the order given."""
        with self._database.read() as connection:
            return list(load(connection, arns))

    def find(self, token: str) -> list[Resource]:
        """Return all resources whose name, identifier or ARN is ``token``.

        Names in another case count where none has this one.
        """
        with self._database.read() as connection:
            return find(connection, token)

    def called(self, account_id: str, region: str, names: Iterable[str]) -> list[Resource]:
        """Return the resources of one account and region that ``names`` contains.

        By ARN, identifier or name, in exactly this spelling.
        """
        wanted = list(names)
        here = (ResourceRow.account_id == account_id, ResourceRow.region == region)
        found: dict[str, Resource] = {}
        with self._database.read() as connection:
            for start in range(0, len(wanted), _NAMES_PER_QUERY):
                chunk = wanted[start : start + _NAMES_PER_QUERY]
                for column in (ResourceRow.arn, ResourceRow.identifier, ResourceRow.name):
                    for row in connection.execute(loading().where(*here, column.in_(chunk))):
                        resource = resource_of(row)
                        found[resource.arn] = resource
        return list(found.values())

    def get_resource(self, arn_or_identifier: str) -> Resource | None:
        """Return the one resource with this ARN or identifier.

        None where there is none, and where several share the identifier: use `find` for those.
        """
        with self._database.read() as connection:
            for exact in load(connection, [arn_or_identifier]):
                return exact
            rows = connection.execute(
                loading().where(ResourceRow.identifier == arn_or_identifier).limit(2)
            ).all()
        return resource_of(rows[0]) if len(rows) == 1 else None

    def get_by_account(self, account_id: str) -> list[Resource]:
        """Return the resources of one account, by ARN."""
        return self._where(ResourceRow.account_id == account_id)

    def get_by_region(self, region: str) -> list[Resource]:
        """Return the resources of one region (``global`` included), by ARN."""
        return self._where(ResourceRow.region == region)

    def get_by_type(self, resource_type: str) -> list[Resource]:
        """Return the resources of one catalog type, by ARN."""
        return self._where(ResourceRow.resource_type == resource_type)

    def mentioning(
        self, texts: Collection[str], *, types: Sequence[str], account_id: str
    ) -> list[Resource]:
        """Return the resources of some types that hold one of ``texts`` as a whole value, by ARN.

        The value may be anywhere in the record; the caller looks where.
        """
        if not texts or not types:
            return []
        holds = or_(
            *(
                ResourceRow.document.contains(json.dumps(each, ensure_ascii=False), autoescape=True)
                for each in texts
            )
        )
        within = and_(ResourceRow.account_id == account_id, ResourceRow.resource_type.in_(types))
        return self._where(and_(within, holds))

    def count(self) -> int:
        """Return how many resources are stored."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(ResourceRow)).scalar_one()

    def names(self) -> Iterator[NameRow]:
        """Stream what completion needs of every resource, by name."""
        return stream_names(self._database)

    def details(self) -> Iterator[tuple[str, str, str | None]]:
        """Stream what descriptions look at: ARN, tags but ``Name`` as JSON, and engine."""
        return stream_details(self._database)

    def metadata(self, types: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Stream ARN and metadata, as JSON, of every resource of some types."""
        return stream_metadata(self._database, types)

    def names_since(self, revision: int, limit: int) -> NameChanges | None:
        """Return what has changed since a revision; None when it is more than ``limit``."""
        return names_since(self._database, revision, limit)

    def kept_names(self) -> NameSnapshot | None:
        """Return the name index that was kept last, None where none was."""
        return kept(self._database)

    def keep_names(self, revision: int, data: Callable[[], bytes]) -> None:
        """Keep a name index for the next process, unless one as new is kept already.

        Parameters
        ----------
        revision
            `generation` when it was made.
        data
            Called for the index if it is wanted.
        """
        known = kept_revision(self._database)
        if known is None or known < revision:
            keep(self._database, NameSnapshot(revision, data()))

    def generation(self) -> int:
        """Return a number that changes whenever any resource changes, appears or goes."""
        with self._database.read() as connection:
            return current_revision(connection)

    # History

    def changes_since(
        self, when: datetime, filters: ResourceFilter | None = None, limit: int = 1000
    ) -> list[Change]:
        """Return what happened to resources since ``when``, newest first.

        Parameters
        ----------
        when
            Timezone-aware; it is about when a change was noticed.
        filters
            Accounts, regions and types to keep; states and tags are not looked at.
        limit
            Changes returned at most.
        """
        with self._database.read() as connection:
            return changes.since(connection, when, filters or ResourceFilter(), limit)

    def history(self, arn: str, limit: int = 100) -> list[Change]:
        """Return what happened to one resource, newest first; it may be gone by now."""
        with self._database.read() as connection:
            return changes.of(connection, arn, limit)

    def forget_changes(self, before: datetime) -> int:
        """Delete the history from before a moment; return how many changes that were."""
        with self._database.write() as connection:
            return changes.forget(connection, before)

    # Accounts

    def accounts(self) -> list[AccountRecord]:
        """Return the accounts seen so far."""
        with self._database.read() as connection:
            rows = connection.execute(select(AccountRow).order_by(AccountRow.account_id)).all()
        return [
            AccountRecord(account_id=row.account_id, alias=row.alias, profiles=tuple(row.profiles))
            for row in rows
        ]

    def put_account(self, account: AccountRecord) -> None:
        """Add or replace an account."""
        values = {"alias": account.alias, "profiles": list(account.profiles)}
        with self._database.write() as connection:
            connection.execute(
                self._database.insert(AccountRow)
                .values(account_id=account.account_id, **values)
                .on_conflict_do_update(index_elements=["account_id"], set_=values)
            )

    # Inside

    def _where(self, condition: ColumnElement[bool]) -> list[Resource]:
        query = loading().where(condition).order_by(ResourceRow.arn)
        with self._database.read() as connection:
            return [resource_of(row) for row in connection.execute(query)]
