"""A sink that keeps resources in memory and sweeps like the store does."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.storage.records import ScopeOutcome
    from cloudops_ls.storage.resource import Resource

Key = tuple[str, str, str]


@dataclass
class MemorySink:
    resources: dict[str, Resource] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    generations: dict[Key, int] = field(default_factory=dict)
    finished: dict[Key, tuple[bool, str | None]] = field(default_factory=dict)
    outcomes: dict[Key, ScopeOutcome | None] = field(default_factory=dict)
    begun: list[Key] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin_scope(self, account_id: str, region: str, resource_type: str) -> int:
        with self.lock:
            key = (account_id, region, resource_type)
            self.begun.append(key)
            self.finished.pop(key, None)
            self.generations[key] = self.generations.get(key, 0) + 1
            return self.generations[key]

    def bulk_upsert(self, resources: Sequence[Resource], *, generation: int) -> None:
        with self.lock:
            self.batches.append(len(resources))
            for resource in resources:
                self.resources[resource.arn] = resource
                self.seen[resource.arn] = generation

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
    ) -> None:
        if resources:
            self.bulk_upsert(resources, generation=generation)
        key = (account_id, region, resource_type)
        with self.lock:
            assert key not in self.finished, "a scope ends once"
            assert self.generations[key] == generation
            self.finished[key] = (complete, error)
            self.outcomes[key] = outcome
            if complete:
                for arn, resource in list(self.resources.items()):
                    scope = (resource.account_id, resource.region, resource.resource_type)
                    if scope == key and self.seen[arn] < generation:
                        del self.resources[arn]

    def arns(self, resource_type: str) -> set[str]:
        return {
            arn
            for arn, resource in self.resources.items()
            if resource.resource_type == resource_type
        }
