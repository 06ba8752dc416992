"""A store with its search index, and what tests ask of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.storage.indexing.settings import VectorSettings
from cloudops_ls.storage.records import Message, ResourceFilter, Role
from cloudops_ls.storage.service import StorageService

from .samples import ring

if TYPE_CHECKING:
    from cloudops_ls.home import Home
    from cloudops_ls.storage.indexing.search_index import SearchIndex


def open_indexed(home: Home, **settings) -> StorageService:
    return StorageService.open(home, vectors=VectorSettings(**settings), keys=ring(home))


def index_of(service: StorageService) -> SearchIndex:
    assert service.index is not None
    return service.index


def search_health(service: StorageService) -> str:
    return service.health().part("search").detail


def names_found(
    service: StorageService, query: str, filters: ResourceFilter | None = None
) -> list[str]:
    return [hit.resource.name for hit in service.estate.search(query, filters)]


def say(service: StorageService, thread: str, content: str) -> None:
    service.chat.append(thread, Message(role=Role.USER, content=content))
