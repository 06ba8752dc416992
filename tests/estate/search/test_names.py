from __future__ import annotations

import subprocess
import sys
from typing import Any

from cloudops_ls.estate.search.finder import Finder, Where
from cloudops_ls.estate.search.names import NameEntry, NameIndex
from cloudops_ls.estate.search.query import SearchQuery

PROD, DEV = "123456789012", "210987654321"
Row = tuple[str, str, str, str, str, str, str | None]


def row(
    name: str,
    identifier: str | None = None,
    *,
    account: str = PROD,
    region: str = "us-west-2",
    kind: str = "ec2_instance",
    state: str | None = "running",
) -> Row:
    identifier = identifier or name
    arn = f"arn:aws:x:{region}:{account}:{kind}/{identifier}"
    return name, identifier, arn, kind, account, region, state


def complete(index: NameIndex, prefix: str, limit: int = 100, **where: Any) -> list[NameEntry]:
    found = Finder(index).find(SearchQuery(prefix), limit, Where(**where))
    return [hit.entry for hit in found.hits]


def names(index: NameIndex, prefix: str, **where: Any) -> list[str]:
    return [entry.name for entry in complete(index, prefix, **where)]


def test_a_prefix_of_the_name_the_identifier_or_a_word_is_enough() -> None:
    index = NameIndex.build(
        [row("pg-instance-main1"), row("web-1", "i-0abc123"), row("orderService.Worker_pool")]
    )
    assert names(index, "pg-ins") == ["pg-instance-main1"]
    assert names(index, "main1") == ["pg-instance-main1"]
    assert names(index, "instance-ma") == ["pg-instance-main1"]
    assert names(index, "i-0ab") == ["web-1"]
    assert names(index, "0abc") == ["web-1"]
    assert names(index, "SERVICE") == names(index, "worker") == names(index, "pool")
    assert names(index, "service") == ["orderService.Worker_pool"]
    assert names(index, "nstance") == ["pg-instance-main1"], "anywhere, when no word begins so"
    assert names(index, "zzz") == []


def test_exact_names_come_before_prefixes_before_words() -> None:
    index = NameIndex.build(
        [row("old-main"), row("main-db"), row("main"), row("x", "main-id"), row("mainframe")]
    )
    assert names(index, "main") == ["main", "main-db", "x", "mainframe", "old-main"]


def test_the_preferred_account_and_region_come_first_within_each_rank() -> None:
    index = NameIndex.build(
        [
            row("web-1", "i-1", account=DEV, region="eu-west-1"),
            row("web-1", "i-2", account=DEV, region="us-west-2"),
            row("web-1", "i-3", account=PROD, region="eu-west-1"),
            row("web-1", "i-4", account=PROD, region="us-west-2"),
            row("web-2", "i-5", account=DEV, region="eu-west-1"),
            row("web-2", "i-6", account=PROD, region="us-west-2"),
        ]
    )

    def ids(prefix: str) -> list[str]:
        entries = complete(index, prefix, account_id=PROD, region="us-west-2")
        return [entry.identifier for entry in entries]

    assert ids("web-1") == ["i-4", "i-3", "i-2", "i-1"]
    assert ids("web") == ["i-4", "i-6", "i-3", "i-2", "i-1", "i-5"]
    assert complete(index, "web", region="eu-west-1")[0].region == "eu-west-1"


def test_each_resource_is_offered_once_and_at_most_a_hundred() -> None:
    index = NameIndex.build(row(f"web-web-{number:04d}") for number in range(500))
    found = names(index, "web")
    assert len(found) == len(set(found)) == 100
    assert len(complete(index, "web", limit=7)) == 7
    assert len(complete(index, "", limit=7)) == 7


def test_an_entry_carries_the_whole_row() -> None:
    one = row("web-1", "i-1", state=None)
    (entry,) = complete(NameIndex.build([one]), "w")
    assert tuple(entry) == one


def test_find_knows_names_identifiers_and_arns() -> None:
    rows = [row("web", "i-1"), row("web", "i-2", account=DEV), row("Web", "i-3")]
    index = NameIndex.build(rows)
    assert {entry.identifier for entry in index.find("web")} == {"i-1", "i-2"}
    assert [entry.identifier for entry in index.find("Web")] == ["i-3"]
    assert len(index.find("WEB")) == 3, "another case counts where none is exact"
    assert [entry.identifier for entry in index.find("i-2")] == ["i-2"]
    assert [entry.identifier for entry in index.find(rows[0][2])] == ["i-1"]
    assert index.find("we") == index.find("") == []
    assert "web" in index
    assert rows[1][2] in index
    assert index.canonical("I-1")
    assert "eb" not in index
    assert "" not in index


def test_a_name_is_unique_when_one_resource_has_it() -> None:
    index = NameIndex.build([row("web", "i-1"), row("web", "i-2"), row("db"), row("DB", "i-3")])
    assert not index.is_unique("web")
    assert index.is_unique("db")
    assert index.is_unique("i-1")
    assert not index.is_unique("Db")
    assert not index.is_unique("nothing")


def test_an_empty_estate_is_no_special_case() -> None:
    index = NameIndex.build([])
    assert len(index) == 0
    assert complete(index, "a", account_id=PROD) == complete(index, "") == index.find("a") == []


def test_exotic_names_do_no_harm() -> None:
    strange = ["İstanbul-DB", "straße-ß", "名前-データ", "a" * 5000, "-", "--", "🙂-box", " x "]
    index = NameIndex.build(row(name) for name in strange)
    for name in strange:
        assert index.find(name), name
        assert name in [entry.name for entry in complete(index, name)]
    assert names(index, "デ") == ["名前-データ"]
    assert names(index, "box") == ["🙂-box"]


def test_it_needs_nothing_heavy() -> None:
    program = (
        "import sys; import cloudops_ls.estate.search.finder; "
        "print(sorted({'pydantic', 'botocore', 'jmespath', 'sqlalchemy'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"


def test_an_update_changes_states_and_hides_what_is_gone() -> None:
    index = NameIndex.build([row("web", "i-1"), row("web", "i-2"), row("db", "d", state="stopped")])
    first, second, third = (entry.arn for entry in index)
    later = index.updated({third: "available", "arn:unknown": "lost"}, [first])
    assert [entry.state for entry in later.find("db")] == ["available"]
    assert [entry.arn for entry in later.find("web")] == [second]
    assert later.find(first) == later.find("i-1") == []
    assert later.is_unique("web")
    assert len(later) == len(list(later)) == 2
    assert [entry.arn for entry in complete(later, "web")] == [second]
    # Its name is still one: a runbook that has it should hear that it is gone.
    assert later.canonical("i-1")
    assert [entry.arn for entry in later.gone("i-1")] == [first]
    assert [entry.arn for entry in later.gone("web")] == [first]
    assert later.gone("db") == later.gone("nothing") == []
    # The index that somebody may be reading is as it was, and what came back is back.
    assert [entry.state for entry in index.find("db")] == ["stopped"]
    assert len(index) == 3
    assert len(later.updated({first: "running"}).find("web")) == 2


def test_the_words_of_the_longest_name_are_known_by_its_first() -> None:
    names = ("web", "web server", "Web server of shop", "db.main-1", "/aws/lambda/x", "solo")
    index = NameIndex.build(
        (name, f"id-{number}", f"arn:{number}", "t", "1", "r", None)
        for number, name in enumerate(names)
    )
    found = {word: index.most_words(word) for word in ("WEB", "db", "aws", "solo", "id-0", "none")}
    assert found == {"WEB": 4, "db": 2, "aws": 0, "solo": 1, "id-0": 1, "none": 0}
