"""Settings: three sources, and what becomes of values that make no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.config import AssistantKind, Settings, load_settings
from cloudops_ls.home import Home

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def write(home: Home, text: str) -> None:
    home.config.write_text(text)


def test_without_any_source_the_defaults_count(home: Home) -> None:
    settings, problems = load_settings(home)
    assert settings == Settings()
    assert settings.assistant.kind is AssistantKind.BUILTIN
    assert problems == []


def test_later_sources_win_value_by_value(home: Home) -> None:
    write(home, 'profile = "file"\nregion = "eu-west-1"\n[assistant]\ntimeout_seconds = 10\n')
    settings, problems = load_settings(
        home,
        {"profile": "initialized", "assistant": {"kind": "http", "url": "http://one"}},
        {"assistant": {"url": "http://two"}, "region": None},
    )
    assert problems == []
    assert settings.profile == "initialized"
    assert settings.region == "eu-west-1", "null is 'not set', not a value"
    assert settings.assistant.kind is AssistantKind.HTTP
    assert settings.assistant.url == "http://two"
    assert settings.assistant.timeout_seconds == 10


BAD: dict[str, dict[str, Any]] = {
    "assistant.kind": {"assistant": {"kind": "oracle"}},
    "assistant.url": {"assistant": {"url": "ftp://example.com"}},
    "assistant.timeout_seconds": {"assistant": {"timeout_seconds": -1}},
    "assistant": {"assistant": "http"},
    "region": {"region": "Oregon"},
    "profile": {"profile": ["production"]},
    "estate.regions": {"estate": {"regions": ["us-west-2", 5, {}]}},
    "commands.output_limit_bytes": {"commands": {"output_limit_bytes": "much"}},
    "search.model": {"search": {"model": "../../etc/passwd"}},
    "colour": {"colour": "blue"},
    "assistant.knid": {"assistant": {"knid": "http"}},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_one_problem_that_names_it_and_its_default_counts(
    home: Home, name: str
) -> None:
    settings, problems = load_settings(home, {**BAD[name]})
    assert [problem.setting for problem in problems] == [name]
    assert f"cloudops.{name}" in str(problems[0])
    assert settings == Settings()


def test_a_setting_that_does_not_exist_is_said_in_words(home: Home) -> None:
    _, (problem,) = load_settings(home, {"assistant": {"knid": "http"}})
    assert str(problem).endswith("is ignored: there is no such setting.")


def test_bad_values_leave_good_ones_beside_them_alone(home: Home) -> None:
    settings, problems = load_settings(
        home, {"profile": "good", "assistant": {"kind": "oracle", "timeout_seconds": 5}, "x": 1}
    )
    assert {problem.setting for problem in problems} == {"assistant.kind", "x"}
    assert settings.profile == "good"
    assert settings.assistant.timeout_seconds == 5


def test_a_bad_value_leaves_the_one_below_it_in_force(home: Home) -> None:
    write(home, 'region = "eu-west-1"\n')
    settings, problems = load_settings(home, {"region": "Oregon"})
    assert len(problems) == 1
    assert settings.region == "eu-west-1"


def test_the_same_bad_value_from_two_places_of_the_editor_is_one_problem(home: Home) -> None:
    _, problems = load_settings(home, {"region": "Oregon"}, {"region": "Oregon"})
    assert len(problems) == 1


def test_what_editors_keep_for_themselves_is_no_problem(home: Home) -> None:
    settings, problems = load_settings(
        home, {"server": {"path": "/opt/x"}, "trace": {"server": "verbose"}, "profile": "p"}
    )
    assert problems == []
    assert settings.profile == "p"


def test_a_damaged_file_is_one_problem_and_the_editor_still_counts(home: Home) -> None:
    write(home, 'profile = "unfinished\n')
    settings, problems = load_settings(home, {"region": "eu-west-1"})
    (problem,) = problems
    assert str(home.config) in str(problem)
    assert "not valid TOML" in str(problem)
    assert settings.region == "eu-west-1"
    assert settings.profile is None


@pytest.mark.parametrize("content", [b"\xff\xfe\x00bad", b"\x00" * 100], ids=["bytes", "zeros"])
def test_a_file_of_rubbish_is_one_problem(home: Home, content: bytes) -> None:
    home.config.write_bytes(content)
    settings, problems = load_settings(home)
    assert len(problems) == 1
    assert settings == Settings()


def test_a_byte_order_mark_is_no_problem(home: Home) -> None:
    home.config.write_bytes(b'\xef\xbb\xbfprofile = "p"\r\n')
    settings, problems = load_settings(home)
    assert problems == []
    assert settings.profile == "p"


def test_a_file_that_cannot_be_read_is_one_problem(home: Home) -> None:
    home.config.mkdir()
    settings, problems = load_settings(home)
    assert len(problems) == 1
    assert str(home.config) in str(problems[0])
    assert settings == Settings()


def test_a_problem_never_repeats_the_value(home: Home) -> None:
    secret = "hunter2-in-the-wrong-place"
    _, problems = load_settings(
        home, {"assistant": {"kind": secret, "url": secret}, "region": secret}
    )
    assert len(problems) == 3
    assert secret not in "".join(map(str, problems))
