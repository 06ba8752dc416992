"""Inverted lists of keywords, against looking at every payload."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloudops_ls.storage.vectors.index import Condition
from cloudops_ls.storage.vectors.postings import Postings

_values = st.sampled_from(["a", "b", "c", "a\0b", ""])
_payloads = st.fixed_dictionaries(
    {}, optional={"color": _values, "tags": st.lists(_values, max_size=4)}
)
_conditions = st.lists(
    st.builds(
        Condition,
        st.sampled_from(["color", "tags", "never"]),
        st.lists(_values, max_size=3).map(tuple),
    ),
    max_size=3,
)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.none() | _payloads), max_size=40),
    st.lists(_conditions, min_size=1, max_size=5),
)
def test_who_passes_is_what_the_payloads_say(changes, asked) -> None:
    postings = Postings()
    kept: dict[int, dict[str, object]] = {}
    for number, payload in changes:
        if payload is None:
            postings.drop(number)
            kept.pop(number, None)
        else:
            postings.put(number, payload)
            kept[number] = payload

    def meets(payload: dict[str, object], condition: Condition) -> bool:
        found = payload.get(condition.field, ())
        has = {found} if isinstance(found, str) else {*found}
        return bool(has.intersection(condition.any_of))

    for conditions in asked:
        passing = postings.passing(conditions)
        if not conditions:
            assert passing is None
            continue
        assert passing is not None
        assert {*passing} == {
            number
            for number, payload in kept.items()
            if all(meets(payload, each) for each in conditions)
        }


def test_nothing_is_kept_of_points_that_are_gone() -> None:
    postings = Postings()
    for number in range(3):
        postings.put(number, {"color": "red", "tags": [f"Name={number}"]})
    postings.put(1, {"color": "blue"})
    for number in range(3):
        postings.drop(number)
    assert not postings.passing([Condition("color", ("red", "blue"))])
    assert not postings._points
    assert not postings._terms
