"""When waiting is offered: only for what passes by itself."""

from __future__ import annotations

import json

import pytest

from cloudops_ls.lsp.waiting import states_in, under_way


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("stopping", True),
        ("pending", True),
        ("CREATE_IN_PROGRESS", True),
        ("InProgress", True),
        ("in-progress", True),
        ("shutting-down", True),
        ("backing-up", True),
        ("running", False),
        ("available", False),
        ("stopped", False),
        ("CREATE_COMPLETE", False),
        ("", False),
    ],
)
def test_what_is_under_way(state: str, expected: bool) -> None:
    assert under_way(state) is expected


def test_states_are_found_in_an_answer() -> None:
    answer = {
        "StoppingInstances": [
            {"InstanceId": "i-1", "CurrentState": {"Code": 64, "Name": "stopping"}},
        ],
        "DBSnapshot": {"Status": "creating", "Engine": "waiting", "Name": "pending"},
        "TableStatus": "ACTIVE",
    }
    assert sorted(states_in(json.dumps(answer))) == ["ACTIVE", "creating", "stopping"]
    assert states_in("plain text") == []
    assert states_in("[" * 100_000) == []
