"""Asks AWS about resources of one type: lists them page by page, or describes one."""

from __future__ import annotations

from collections import deque
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import jmespath
from botocore import xform_name

from cloudops_ls.aws.errors import ResourceMissing, error_code, translate
from cloudops_ls.estate.arns import arn_fields, arn_parts, arn_pattern
from cloudops_ls.estate.catalog.model import ARN_PARTS, PARENT
from cloudops_ls.estate.mapping import ItemMapper, MappingContext, rendered, tag_map
from cloudops_ls.estate.mapping import template_values as values_of

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.estate.catalog.model import ResourceType, TagsCall
    from cloudops_ls.storage.resource import Resource

T = TypeVar("T")
R = TypeVar("R")

BATCH = 500
"""Resources handed on at once: memory stays flat however many there are."""
WINDOW = 8
"""Calls for details under way at once for one scope."""


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it.
    """The scan was cancelled."""


@dataclass(frozen=True, slots=True)
class Place:
    """Through which profile and endpoint to ask, and what that means for the records.

    Attributes
    ----------
    endpoint_region
        The region whose endpoint is called; ``context.region`` is what records say.
    """

    profile: str
    endpoint_region: str
    context: MappingContext


class TypeReader:
    """Lists and describes resources of one catalog type. Thread-safe.

    Parameters
    ----------
    pool
        Runs the calls for details side by side; they are made one by one without it. It must not
        be the pool that this reader itself runs in.
    """

    def __init__(
        self, sessions: SessionFactory, mapper: ItemMapper, pool: Executor | None = None
    ) -> None:
        self._sessions = sessions
        self._mapper = mapper
        self._pool = pool
        kind = mapper.kind
        self._listed = jmespath.compile(kind.list.items)
        self._described = jmespath.compile(kind.describe.items)
        self._other_arns = arn_pattern(kind.other_arns) if kind.generic else None
        self._tagged = jmespath.compile(kind.tags_call.items) if kind.tags_call else None
        self._tags_of = jmespath.compile(kind.tags_call.tags) if kind.tags_call else None

    @property
    def kind(self) -> ResourceType:
        """The catalog type."""
        return self._mapper.kind

    def stream(self, place: Place, stopped: Callable[[], bool]) -> Iterator[list[Resource]]:
        """Yield all resources of the type, in batches as the pages arrive.

        Raises
        ------
        CloudOpsError
            AWS failed; what was yielded before is good, but it is not all there is.
        Stopped
            ``stopped`` said so between two calls.
        """
        for listed in self._listings(place, stopped):
            items = iter(listed)
            while chunk := list(islice(items, BATCH)):
                _check(stopped)
                if self.kind.describe.detail:
                    chunk = self._detailed(place, chunk, stopped)
                yield self._resources(place, chunk, stopped)
            _check(stopped)

    def describe(self, place: Place, resource: Resource) -> Resource | None:
        """Return the present record of a known resource; None when AWS says it does not exist.

        Raises
        ------
        CloudOpsError
            AWS failed, so nothing is known.
        """
        values = values_of(resource)
        items = self._describe(place, [values])
        for item in items:
            if self._mapper.values(item, place.context)["arn"] == resource.arn:
                found = self._mapper.resource(item, place.context, self._tags(place, [values]))
                return None if self._mapper.is_gone(found) else found
        return None

    def raw(self, place: Place, stopped: Callable[[], bool]) -> Iterator[Any]:
        """Yield the raw items of the list call alone.

        Raises
        ------
        CloudOpsError
            AWS failed; what was yielded before is good, but it is not all there is.
        Stopped
            ``stopped`` said so between two calls.
        """
        for items in self._listings(place, stopped):
            yield from items

    def _listings(self, place: Place, stopped: Callable[[], bool]) -> Iterator[list[Any]]:
        """Yield raw items, page by page; parent by parent for a type that is listed so."""
        if self.kind.for_each is None:
            for page in self._pages(place, {}):
                yield self._items(page, {})
                _check(stopped)
            return
        for_each = self.kind.for_each
        mapper = ItemMapper(for_each.parent)
        parents = (
            {for_each.field: mapper.values(item, place.context)[for_each.by]}
            for item in TypeReader(self._sessions, mapper, self._pool).raw(place, stopped)
        )
        yield from self._side_by_side(lambda parent: self._of(place, parent), parents, stopped)

    def _of(self, place: Place, parent: dict[str, str]) -> list[Any]:
        """Return all raw items of one parent; none when it is gone meanwhile."""
        items: list[Any] = []
        try:
            for page in self._pages(place, parent):
                items += self._items(page, parent)
        except ResourceMissing:
            return []
        return items

    def _items(self, page: Mapping[str, Any], parent: dict[str, str]) -> list[Any]:
        items = [item for item in self._listed.search(page) or () if item is not None]
        added = {name: text.format_map(parent) for name, text in self.kind.list.add.items()}
        if self.kind.for_each is not None:
            added[PARENT] = parent[self.kind.for_each.field]
        if added:
            items = [{**item, **added} for item in items]
        return items if self._other_arns is None else self._unknown(items, self._other_arns)

    def _unknown(self, items: list[Any], others: re.Pattern[str]) -> list[Any]:
        """Return what no other type of the catalog lists, with what the ARNs say of them."""
        arn_of = jmespath.compile(self.kind.arn)
        found = []
        for item in items:
            arn = str(arn_of.search(item))
            if not others.fullmatch(":".join(arn_parts(arn))):
                found.append({**item, ARN_PARTS: arn_fields(arn)})
        return found

    def _pages(self, place: Place, parent: dict[str, str]) -> Iterator[Mapping[str, Any]]:
        call = self.kind.list
        values = {
            **parent,
            "region": self._region(place),
            "account_id": place.context.account_id,
            "partition": place.context.partition,
        }
        missing = call.missing
        if self.kind.for_each is not None:
            missing += self.kind.for_each.parent.describe.missing
        params = rendered(call.params, [values])
        client = self._client(place)
        method = xform_name(call.operation)
        if client.can_paginate(method):
            pages = iter(client.get_paginator(method).paginate(**params))
            while (
                page := self._guarded(place, call.operation, lambda: next(pages, None), missing)
            ) is not None:
                yield page
            return
        while True:
            page = self._call(place, call.operation, params, missing)
            yield page
            if call.token is None or not page.get(call.token):
                return
            params = {**params, call.token: page[call.token]}

    def _detailed(self, place: Place, listed: list[Any], stopped: Callable[[], bool]) -> list[Any]:
        known = [self._mapper.values(item, place.context) for item in listed]
        described = self._side_by_side(
            lambda batch: self._describe(place, batch),
            _batches(known, self.kind.describe.batch),
            stopped,
        )
        return [item for items in described for item in items]

    def _describe(self, place: Place, batch: list[dict[str, str]]) -> list[Any]:
        call = self.kind.describe
        try:
            answer = self._call(place, call.operation, rendered(call.params, batch), call.missing)
        except ResourceMissing:
            return []
        items = [item for item in self._described.search(answer) or () if item is not None]
        added = {name: text.format_map(batch[0]) for name, text in call.add.items()}
        if self.kind.for_each is not None:
            added[PARENT] = batch[0][self.kind.for_each.field]
        if added:
            items = [{**item, **added} for item in items]
        return items if self._other_arns is None else self._unknown(items, self._other_arns)

    def _resources(
        self, place: Place, items: list[Any], stopped: Callable[[], bool]
    ) -> list[Resource]:
        tags: dict[str, dict[str, str]] = {}
        if self.kind.tags_call is not None:
            known = [self._mapper.values(item, place.context) for item in items]
            batches = list(_batches(known, self.kind.tags_call.batch))
            answers = self._side_by_side(
                lambda batch: self._tags_by_arn(place, batch), batches, stopped
            )
            for answer in answers:
                tags.update(answer)
        found = []
        for item in items:
            arn = self._mapper.values(item, place.context)["arn"]
            resource = self._mapper.resource(item, place.context, tags.get(arn))
            if not self._mapper.is_gone(resource):
                found.append(resource)
        return found

    def _tags(self, place: Place, batch: list[dict[str, str]]) -> dict[str, str]:
        if self.kind.tags_call is None:
            return {}
        return self._tags_by_arn(place, batch).get(batch[0]["arn"], {})

    def _tags_by_arn(self, place: Place, batch: list[dict[str, str]]) -> dict[str, dict[str, str]]:
        call = self.kind.tags_call
        if call is None or self._tagged is None or self._tags_of is None:
            return {}
        try:
            answer = self._call(place, call.operation, rendered(call.params, batch), call.absent)
        except ResourceMissing:
            return {}
        return _by_arn(call, batch, self._tagged.search(answer), self._tags_of)

    def _side_by_side(
        self,
        call: Callable[[T], R],
        arguments: Iterable[T],
        stopped: Callable[[], bool],
    ) -> Iterator[R]:
        """Yield the results in order, with up to ``WINDOW`` calls under way."""
        waiting: deque[Future[R]] = deque()
        try:
            for argument in arguments:
                _check(stopped)
                if self._pool is None:
                    yield call(argument)
                    continue
                waiting.append(self._pool.submit(call, argument))
                if len(waiting) >= WINDOW:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except CancelledError:
            raise Stopped from None
        finally:
            for future in waiting:
                future.cancel()

    def _client(self, place: Place) -> Any:
        return self._sessions.client(place.profile, self.kind.service, self._region(place))

    def _region(self, place: Place) -> str:
        return self.kind.endpoint_region or place.endpoint_region

    def _call(
        self,
        place: Place,
        operation: str,
        params: Mapping[str, Any],
        missing: tuple[str, ...] = (),
    ) -> Mapping[str, Any]:
        method = getattr(self._client(place), xform_name(operation))
        answer: Mapping[str, Any] = self._guarded(
            place, operation, lambda: method(**params), missing
        )
        return answer

    def _guarded(
        self,
        place: Place,
        operation: str,
        call: Callable[[], Any],
        missing: tuple[str, ...] = (),
    ) -> Any:
        try:
            return call()
        except Exception as error:
            # Any: the SDK's parsers let even a KeyError out when what answers is not AWS.
            if error_code(error) in missing:
                raise ResourceMissing("AWS says that it does not exist") from None
            raise translate(
                error,
                profile=place.profile,
                service=self.kind.service,
                operation=operation,
                region=self._region(place),
            ) from None


def _by_arn(
    call: TagsCall, batch: list[dict[str, str]], answer: Any, tags_of: Any
) -> dict[str, dict[str, str]]:
    if call.key is None:
        return {batch[0]["arn"]: tag_map(answer)}
    return {str(entry.get(call.key)): tag_map(tags_of.search(entry)) for entry in answer or ()}


def _batches(things: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]


def _check(stopped: Callable[[], bool]) -> None:
    if stopped():
        raise Stopped
