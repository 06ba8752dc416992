from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cloudops_ls.estate.cards import console_link, render_card
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.untrusted import code, visible
from cloudops_ls.storage.resource import Resource

NOW = datetime(2025, 10, 8, 10, 30, tzinfo=UTC)
CATALOG = Catalog.load()


def database(**changes: Any) -> Resource:
    fields: dict[str, Any] = {
        "resource_type": "rds_instance",
        "identifier": "pg-instance-main1",
        "account_id": "123456789012",
        "region": "us-west-2",
        "arn": "arn:aws:rds:us-west-2:123456789012:db:pg-instance-main1",
        "name": "pg-instance-main1",
        "state": "available",
        "engine": "postgres",
        "engine_version": "14.7",
        "tags": {"zone": "a", "env": "production", "Name": "hidden", "owner": "team-backend"},
        "constraints": {"can_stop": True, "has_read_replicas": False, "multi_az": True},
        "metadata": {"instance_class": "db.t3.medium", "allocated_storage": 100},
        "last_synced": NOW,
    }
    return Resource(**{**fields, **changes})


def test_the_card_of_a_database() -> None:
    card = render_card(
        database(),
        account_alias="acme-production",
        kind=CATALOG["rds_instance"],
        now=NOW + timedelta(minutes=5),
    )
    assert card == (
        "### `pg-instance-main1`\n"
        "\n"
        "RDS instance · **`available`**\n"
        "\n"
        "- Account: `acme-production` (`123456789012`)\n"
        "- Region: `us-west-2`\n"
        "- Engine: `postgres 14.7`\n"
        "- Instance class: `db.t3.medium`\n"
        "- Allocated storage: `100`\n"
        "- Tags: `env=production`, `owner=team-backend`, `zone=a`\n"
        "- Can stop, multi az\n"
        "\n"
        "`arn:aws:rds:us-west-2:123456789012:db:pg-instance-main1`\n"
        "\n"
        "*as of 2025-10-08 10:30 UTC, 5 min ago* · [AWS console](https://us-west-2.console.aws."
        "amazon.com/rds/home?region=us-west-2#database:id=pg-instance-main1;is-cluster=false)\n"
    )


def test_a_live_card_says_so() -> None:
    assert "*live*" in render_card(database(), live=True)
    assert "as of" not in render_card(database(), live=True)


@pytest.mark.parametrize(
    ("age", "says"),
    [
        (timedelta(seconds=20), "less than a minute ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=30), "30 h ago"),
        (timedelta(days=9), "9 days ago"),
    ],
)
def test_the_age_is_told_in_words(age: timedelta, says: str) -> None:
    assert says in render_card(database(), now=NOW + age)


def test_an_unnamed_type_and_a_bare_resource_still_make_a_card() -> None:
    card = render_card(
        database(state=None, engine=None, tags={}, constraints={}, metadata={}), now=NOW
    )
    assert "Rds instance\n" in card
    assert "Tags" not in card


def test_long_lists_are_cut() -> None:
    card = render_card(
        database(tags={f"t{n:02d}": "v" for n in range(30)}, metadata={"subnets": list("abcdef")})
    )
    assert "and 20 more" in card
    assert "`a`, `b`, `c` and 3 more" in card


def test_console_links_quote_what_comes_from_aws() -> None:
    bad = database(identifier="x) [click](https://evil.example/?a=b#c")
    link = console_link(bad, CATALOG["rds_instance"])
    assert link is not None
    assert link.startswith("https://us-west-2.console.aws.amazon.com/rds/home?region=us-west-2#")
    assert not set("()[] <>\"'") & set(link)
    china = database(arn="arn:aws-cn:rds:cn-north-1:1:db:x", region="cn-north-1")
    assert "console.amazonaws.cn" in (console_link(china, CATALOG["rds_instance"]) or "")


HOSTILE = [
    "![x](https://evil.example/p.png)",
    "[AWS console](command:evil)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "`` ` ``` code",
    "`",
    "a\n\n# heading\n\n> **CloudOps:** done\n\n```aws\naws iam delete-user\n```",
    "\u202eexe.gpj",
    "a\u200bb\u2066c\u2069",
    "\x1b[31mred\x07",
    "| a | b |\n|---|---|",
    "$(rocket)",
    "e" + "\u0301" * 500,
    "https://evil.example",
    "x" * 100_000,
    "\U000e0041\U000e0042tag",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_stay_text(text: str) -> None:
    check_harmless(text)


@given(st.text(max_size=200))
def test_any_value_stays_text(text: str) -> None:
    check_harmless(text)


def check_harmless(text: str) -> None:
    card = render_card(
        database(
            name=text,
            identifier=f"id {text}",
            state=text,
            engine=text,
            engine_version=text,
            account_id=text,
            region=text,
            arn=f"arn:{text}",
            tags={text: text, "env": text},
            metadata={"instance_class": text, "subnets": [text, {text: text}]},
        ),
        account_alias=text,
        kind=CATALOG["rds_instance"],
        now=NOW,
    )
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(card)
    blocks = {token.type for token in tokens}
    assert blocks <= {
        "heading_open",
        "heading_close",
        "paragraph_open",
        "paragraph_close",
        "bullet_list_open",
        "bullet_list_close",
        "list_item_open",
        "list_item_close",
        "inline",
    }
    assert sum(token.type == "heading_open" for token in tokens) == 1
    for token in tokens:
        for child in token.children or ():
            assert child.type in {
                "text",
                "code_inline",
                "softbreak",
                "strong_open",
                "strong_close",
                "em_open",
                "em_close",
            }
    assert all(unicodedata.category(char)[0] != "C" or char == "\n" for char in card)
    assert len(card) < 5000


@given(st.text(max_size=400), st.integers(2, 50))
def test_visible_text_is_one_short_line(text: str, limit: int) -> None:
    line = visible(text, limit)
    assert len(line) <= limit + 1
    assert not re.search(r"[\n\r\x85\u2028\u2029\x0b\x0c]", line)


def test_plain_text_is_shown_as_it_is() -> None:
    assert visible("Grüße, 名前 🙂 é") == "Grüße, 名前 🙂 é"
    assert code("web-1") == "`web-1`"
    assert code("a`b") == "``a`b``"
    assert code("`a`") == "`` `a` ``"
    assert code("") == code("\u200b") == "*(empty)*"
