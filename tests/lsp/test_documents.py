"""Open runbooks: what the client edits is what the server sees, and places move along."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.documents import Anchor, RunbookDocument, RunbookWorkspace
from cloudops_ls.lsp.held_places import HeldPlaces
from cloudops_ls.runbook.parser import parse
from cloudops_ls.runbook.text import Encoding, LineIndex, Span, TextEdit
from tests.runbook.strategies import markdown

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject

# Half a surrogate pair has no place in UTF-8, so clients do not send it.
TEXTS = st.one_of(markdown(8), st.text(max_size=40)).map(lambda text: text.replace("\ud800", ""))
URI = "file:///runbooks/friday.cloudops.md"
ENCODINGS = [
    types.PositionEncodingKind.Utf8,
    types.PositionEncodingKind.Utf16,
    types.PositionEncodingKind.Utf32,
]


def workspace(encoding: types.PositionEncodingKind | str) -> RunbookWorkspace:
    return RunbookWorkspace(None, types.TextDocumentSyncKind.Incremental, [], encoding)


def opened(text: str, encoding: types.PositionEncodingKind | str = "utf-16") -> RunbookDocument:
    folder = workspace(encoding)
    folder.put_text_document(types.TextDocumentItem(URI, "markdown", 1, text))
    document = folder.open_runbook(URI)
    assert document is not None
    return document


def partial(document: RunbookDocument, start: int, end: int, text: str) -> None:
    span = document.range(Span(start, end))
    document.apply_change(types.TextDocumentContentChangePartial(range=span, text=text))


@given(
    text=TEXTS,
    encoding=st.sampled_from([*ENCODINGS, *(str(each.value) for each in ENCODINGS)]),
    data=st.data(),
)
def test_edits_in_the_clients_units_give_the_clients_text(
    text: str, encoding: types.PositionEncodingKind | str, data: DataObject
) -> None:
    document = opened(text, encoding)
    assert document.encoding == Encoding(getattr(encoding, "value", encoding))
    expected = text
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(expected)))
        end = data.draw(st.integers(start, len(expected)))
        new = data.draw(TEXTS)
        index = LineIndex(expected)
        places = [index.position(at, document.encoding) for at in (start, end)]
        # Inside a line end there are no positions.
        start, end = (index.offset(line, unit, document.encoding) for line, unit in places)
        if data.draw(st.booleans()):
            _ = document.runbook
        partial(document, start, end, new)
        expected = expected[:start] + new + expected[end:]
        assert document.source == expected
    assert document.runbook == parse(expected)
    assert "".join(document.lines) == expected


@given(before=TEXTS, after=TEXTS, inside=TEXTS, kept=st.text(min_size=1))
def test_a_whole_new_text_keeps_places_that_did_not_change(
    before: str, after: str, inside: str, kept: str
) -> None:
    mark = "\x01kept\x02" + kept
    document = opened(f"{before}{mark}{after}")
    anchor = document.anchor(Span(len(before), len(before) + len(mark)))
    # An editor without partial changes sends everything; only what stands before has changed.
    text = f"{before}{inside}{mark}{after}"
    document.apply_change(types.TextDocumentContentChangeWholeDocument(text))
    assert document.source == text
    if anchor.alive:
        assert mark in text[anchor.span.start : anchor.span.end]


def moved(edit: TextEdit) -> Anchor:
    anchor = Anchor(Span(10, 20))
    anchor.shift(edit)
    return anchor


@pytest.mark.parametrize(
    ("edit", "span"),
    [
        (TextEdit(Span(0, 0), "abc"), Span(13, 23)),
        (TextEdit(Span(5, 10), ""), Span(5, 15)),
        (TextEdit(Span(20, 20), "after"), Span(10, 20)),
        (TextEdit(Span(25, 30), ""), Span(10, 20)),
        (TextEdit(Span(12, 14), "longer"), Span(10, 24)),
        (TextEdit(Span(10, 20), "replaced"), Span(10, 18)),
    ],
)
def test_a_place_follows_edits_around_and_inside_it(edit: TextEdit, span: Span) -> None:
    anchor = moved(edit)
    assert anchor.alive
    assert anchor.span == span


@pytest.mark.parametrize(
    "edit",
    [
        TextEdit(Span(10, 20), ""),
        TextEdit(Span(5, 12), "x"),
        TextEdit(Span(15, 25), ""),
        TextEdit(Span(0, 30), "everything else"),
    ],
)
def test_a_place_that_an_edit_cuts_into_is_gone(edit: TextEdit) -> None:
    assert not moved(edit).alive


@pytest.mark.parametrize(
    ("uri", "is_runbook"),
    [
        ("file:///a/friday.cloudops.md", True),
        ("untitled:friday.cloudops.md", True),
        ("file:///a/friday.cloudops.md?v=1#top", True),
        ("file:///a/100%25%20sure.cloudops.md", True),
        ("file:///a/README.md", False),
        ("file:///a/cloudops.md", False),
        ("untitled:Untitled-1", False),
        ("", False),
    ],
)
def test_runbooks_are_known_by_their_name(uri: str, is_runbook: bool) -> None:
    folder = workspace("utf-16")
    folder.put_text_document(types.TextDocumentItem(uri, "markdown", 1, "text"))
    document = folder.open_runbook(uri)
    assert (document is not None) is is_runbook
    folder.remove_text_document(uri)
    assert folder.open_runbook(uri) is None
    if document is not None:
        assert document.closed


def test_a_document_that_is_not_open_is_never_read_from_disk(tmp_path) -> None:
    path = tmp_path / "there.cloudops.md"
    path.write_text("Stop everything.\n")
    assert workspace("utf-16").open_runbook(path.as_uri()) is None


def test_the_place_of_a_command_goes_with_its_text() -> None:
    document = opened("one\ntwo\nthree")
    session = SimpleNamespace(document=lambda uri: document if uri == URI else None)

    def held(**argument: Any) -> HeldPlaces:
        return HeldPlaces(session, [{"uri": URI, **argument}])  # type: ignore[arg-type]

    place = {"line": 1, "character": 1}
    two = held(position=place)
    shown = held(position=place, text="two")
    words = held(range={"start": place, "end": {"line": 1, "character": 3}})
    wrong = held(position={"line": -1}, range=None)
    insert(document, 0, "new\n")
    moved = {"line": 2, "character": 1}
    assert two.now() == ({"uri": URI, "position": moved},)
    end = {"line": 2, "character": 3}
    assert words.now() == ({"uri": URI, "range": {"start": moved, "end": end}},)
    assert wrong.now() == ({"uri": URI, "position": {"line": -1}, "range": None},)
    document.apply_change(types.TextDocumentContentChangeWholeDocument("other"))
    with pytest.raises(CloudOpsError, match="changed before"):
        two.now()
    # By its text it may still be found.
    assert shown.now()[0]["text"] == "two"


def insert(document: RunbookDocument, offset: int, text: str) -> None:
    place = document.position(offset)
    document.apply_change(types.TextDocumentContentChangePartial(types.Range(place, place), text))
