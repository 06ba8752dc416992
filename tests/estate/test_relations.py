"""What hangs together, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.relations import dependents, referred_to
from cloudops_ls.home import Home
from cloudops_ls.storage.service import StorageService
from tests.storage.samples import resource, ring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cloudops_ls.storage.resource import Resource

GROUP = resource(
    "sg-1", resource_type="security_group", arn="arn:aws:ec2:us-west-2:123456789012:sg/sg-1"
)
MAIN = resource("pg-main", metadata={"security_groups": ["sg-1"], "cluster": "c"})
OTHER = resource("pg-other", metadata={"security_groups": ["sg-10", "sg-2"], "note": "sg-1"})
TWIN = resource("pg-twin", region="eu-west-1", metadata={"security_groups": ["sg-1"]})
FOREIGN = resource("pg-foreign", account_id="2" * 12, metadata={"security_groups": ["sg-1"]})
ODD = resource('pg-"é%_', metadata={"security_groups": ['sg-"é%_']})
ODD_GROUP = resource('sg-"é%_', resource_type="security_group", arn="arn:odd")


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StorageService]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    home = Home(tmp_path / "home")
    with StorageService.open(home, keys=ring(home)) as opened:
        opened.estate.bulk_upsert([GROUP, MAIN, OTHER, TWIN, FOREIGN, ODD, ODD_GROUP])
        yield opened


def names(resources: list[Resource]) -> list[str]:
    return sorted(each.name for each in resources)


def test_who_depends_on_a_resource_and_what_it_refers_to(storage: StorageService) -> None:
    catalog = Catalog.load()
    found = dependents(GROUP, catalog, storage.estate)
    # Not one that merely mentions it, nor one of another region or account.
    assert [(each.resource.name, each.field) for each in found] == [("pg-main", "security_groups")]
    found = referred_to(MAIN, catalog, storage.estate)
    assert [(each.resource.name, each.field) for each in found] == [("sg-1", "security_groups")]
    assert dependents(MAIN, catalog, storage.estate) == []


def test_identifiers_with_odd_characters_are_found(storage: StorageService) -> None:
    found = dependents(ODD_GROUP, Catalog.load(), storage.estate)
    assert names([each.resource for each in found]) == [ODD.name]
