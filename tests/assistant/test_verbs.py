"""Verbs are found where the prompt asks for something, and only there."""

from __future__ import annotations

import pytest

from cloudops_ls.assistant.verbs import VerbLexicon
from cloudops_ls.estate.catalog.loader import Catalog


@pytest.fixture(scope="module")
def verbs() -> VerbLexicon:
    return VerbLexicon(Catalog.load())


@pytest.mark.parametrize(
    ("prompt", "actions"),
    [
        ("Stop pg-1.", ["stop"]),
        ("please SHUT DOWN pg-1", ["stop"]),
        ("turn the old one off", ["stop"]),
        ("Turn pg-1 on, then reboot web-1", ["start", "reboot"]),
        ("power cycle pg-1", ["reboot"]),
        ("What is the status of pg-1?", ["describe"]),
        ("pg-1 has a bad day", []),
        ("the non-stop-service and stop-the-world", []),
        ("It was stopped yesterday; stopping takes long", []),
        ("turn it. off we go", []),
        ("[pg-1](arn:aws:rds:start) please", []),
        ("Show the snapshot pg-1", ["describe"]),
        ("list all backup vaults", []),
        ("snapshot pg-1", ["snapshot"]),
        ("the build project pg-1 is slow", []),
        ("", []),
    ],
)
def test_verbs_and_phrases(verbs: VerbLexicon, prompt: str, actions: list[str]) -> None:
    assert [use.action for use in verbs.find(prompt, ["pg-1", "web-1"])] == actions


@pytest.mark.parametrize(
    ("prompt", "negated"),
    [
        ("do not stop pg-1", True),
        ("Don’t ever stop pg-1", True),
        ("never reboot it", True),
        ("No, stop pg-1", False),
        ("I cannot reach it. Restart it", False),
        ("do not touch web-1, stop pg-1", False),
    ],
)
def test_what_not_to_do_is_told_apart(verbs: VerbLexicon, prompt: str, negated: bool) -> None:
    assert [use.negated for use in verbs.find(prompt)] == [negated]


def test_names_are_no_verbs(verbs: VerbLexicon) -> None:
    assert verbs.find("look into check then", ["check"]) == []
    assert [use.word for use in verbs.find("stop restart", ["restart"])] == ["stop"]


def test_every_verb_of_the_catalog_is_understood(verbs: VerbLexicon) -> None:
    for kind in Catalog.load():
        for name, action in kind.actions.items():
            for verb in action.verbs:
                (use,) = verbs.find(f"{verb} x-1", ["x-1"])
                first = next(one for one in kind.actions if verb in kind.actions[one].verbs)
                assert use.action_for(kind.name) == first, (kind.name, name, verb)


def test_a_long_prompt_takes_no_noticeable_time(verbs: VerbLexicon) -> None:
    import time

    started = time.perf_counter()
    verbs.find("turn not shut " * 2_000, ["web-1"] * 100)
    assert time.perf_counter() - started < 2
