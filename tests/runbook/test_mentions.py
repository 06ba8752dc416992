from __future__ import annotations

import pytest
from hypothesis import given, settings

from cloudops_ls.runbook.mentions import WORD, find_mentions
from cloudops_ls.runbook.text import Span

from .strategies import markdown

ARN = "arn:aws:ec2:us-west-2:123456789012:instance/i-0abc"


class Known(set[str]):
    def canonical(self, token: str) -> bool:
        return token in self

    def most_words(self, first: str) -> int:
        return max((len(WORD.findall(name)) for name in self if name.startswith(first)), default=0)


NAMES = Known(
    {
        "web",
        "web-1",
        "i-0abc",
        "pg.main",
        "example.com",
        "app/web/50dc",
        "Production web server",
        "größe",
        ARN,
    }
)


def mentioned(text: str) -> list[str]:
    return [mention.target for mention in find_mentions(text, NAMES)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Stop web-1.", ["web-1"]),
        ("Stop web, web-1 and `i-0abc`!", ["web", "web-1", "i-0abc"]),
        ("web-10 web_1 my-web webs", []),
        ("the pg.main database", ["pg.main"]),
        ("web.internal and my.web", []),
        ("see example.com.", ["example.com"]),
        ("(app/web/50dc)", ["app/web/50dc"]),
        ("app/web/99", ["web"]),
        ("@web-1", ["web-1"]),
        ("restart Production web server now", ["Production web server"]),
        ("Production\nweb server", ["web"]),
        ("die größe", ["größe"]),
        (f"describe {ARN}.", [ARN]),
        (f"**{ARN}**", [ARN]),
        (f"{ARN}9", []),
        ("aws ec2 stop-instances --instance-ids i-0abc --x web", ["i-0abc", "web"]),
        ("😀 web-1", ["web-1"]),
        ("", []),
    ],
)
def test_names_in_prose(text: str, expected: list[str]) -> None:
    assert mentioned(text) == expected


def test_a_link_to_an_arn_names_exactly_that_resource() -> None:
    other = "arn:aws:s3:::bucket-nobody-knows"
    text = f"Empty [web \\[1\\]]({other}), then [web-1](<{ARN}>) and [web](https://a.b)"
    linked, exact, web = find_mentions(text, NAMES)
    assert (linked.text, linked.target) == ("web [1]", other)
    assert linked.span.of(text) == f"[web \\[1\\]]({other})"
    assert (exact.text, exact.target) == ("web-1", ARN)
    assert (web.text, web.target) == ("web", "web")


def test_only_the_span_is_looked_at() -> None:
    text = "web-1 web-1 web-1"
    (found,) = find_mentions(text, NAMES, Span(6, 11))
    assert found.span == Span(6, 11)


@given(text=markdown())
@settings(max_examples=100, deadline=None)
def test_mentions_are_in_order_and_never_overlap(text: str) -> None:
    mixed = text.replace("item", f"web-1 {ARN} [x]({ARN})")
    end = 0
    for mention in find_mentions(mixed, NAMES):
        assert end <= mention.span.start < mention.span.end
        assert mention.text in mixed
        end = mention.span.end
