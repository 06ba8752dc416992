"""Every catalog type, listed and described by the real scanner against the stand-in AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.aws.clients import ClientSettings
from cloudops_ls.aws.sessions import SessionFactory
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.scanner import Scanner
from tests.aws.conftest import clean_environment
from tests.aws.stand_in import MAIN, StandIn, write_profiles
from tests.estate.made import MAKERS, Workshop
from tests.estate.sink import MemorySink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.estate.catalog.model import ResourceType

CATALOG = Catalog.load()
REGION = "us-west-2"


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionFactory]:
    """Clients of a stand-in of their own: what is made stays while all types are tested."""
    with pytest.MonkeyPatch.context() as patch:
        folder = clean_environment(patch, tmp_path_factory.mktemp("home"))
        cloud = StandIn()
        write_profiles(folder, cloud.endpoint)
        factory = SessionFactory(ClientSettings(attempts=1))
        yield factory
        factory.close()
        cloud.stop()


@pytest.fixture(scope="module")
def workshop(sessions: SessionFactory) -> Workshop:
    def client(service: str) -> Any:
        name, _, region = service.partition("@")
        return sessions.client("main", name, region or REGION)

    return Workshop(client, MAIN, REGION)


@pytest.mark.parametrize("kind", [CATALOG[name] for name in MAKERS], ids=lambda kind: kind.name)
def test_what_was_made_is_listed_and_described(
    kind: ResourceType, sessions: SessionFactory, workshop: Workshop
) -> None:
    made = workshop.one(kind.name)
    sink = MemorySink()
    scanner = Scanner(sessions, CATALOG, sink)

    report = scanner.scan(["main"], [REGION], [kind.name])

    assert report.problems() == []
    assert made.arn in sink.resources, sorted(sink.resources)
    found = sink.resources[made.arn]
    assert found.resource_type == kind.name
    assert found.region == ("global" if kind.is_global else REGION)
    assert made.name in (None, found.name)
    assert made.identifier in (None, found.identifier)
    assert made.state in (None, found.state)
    if made.tags is not None:
        assert found.tags.items() >= made.tags.items()
    assert found.metadata.items() >= made.metadata.items()
    if kind.generic:
        # The key is tagged as well, and has a type of its own.
        assert not any(map(CATALOG.of_arn, sink.resources))
    else:
        assert kind in CATALOG.of_arn(found.arn)
    assert "planted-value" not in found.model_dump_json()

    live = scanner.refresh(found, "main")
    assert live is not None
    own = {"last_synced", "metadata"}
    assert live.model_dump(exclude=own) == found.model_dump(exclude=own)
    # A description may tell more than the list does, but nothing else.
    # Some times of creation are made up at each call by the stand-in.
    shared = (live.metadata.keys() & found.metadata.keys()) - {"created"}
    assert {name: live.metadata[name] for name in shared} == {
        name: found.metadata[name] for name in shared
    }


def test_types_that_share_an_api_do_not_share_resources(
    sessions: SessionFactory, workshop: Workshop
) -> None:
    """RDS lists Neptune's clusters too, and the tagging API whatever has tags."""
    kinds = ["rds_cluster", "neptune_cluster", "docdb_cluster", "kms_key", "aws_resource"]
    for name in ("rds_cluster", "neptune_cluster", "kms_key"):
        workshop.one(name)
    seen: list[tuple[str, str]] = []

    class Sink(MemorySink):
        def bulk_upsert(self, resources: Any, *, generation: int) -> None:
            seen.extend((one.arn, one.resource_type) for one in resources)

    report = Scanner(sessions, CATALOG, Sink()).scan(["main"], [REGION], kinds)

    assert report.problems() == []
    assert len({arn for arn, _ in seen}) == len(seen)
    types = dict(seen)
    for name in ("rds_cluster", "neptune_cluster", "kms_key"):
        assert types[workshop.one(name).arn] == name
