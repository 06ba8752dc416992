from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudops_ls.aws.profiles import ProfileKind, healthy_files, read_profiles

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "planted-secret-value"


def write(folder: Path, config: str = "", credentials: str = "") -> None:
    (folder / "config").write_text(config, encoding="utf-8")
    (folder / "credentials").write_text(credentials, encoding="utf-8")


def problems() -> list[tuple[str, int | None, str | None]]:
    return [(one.file.name, one.line, one.profile) for one in read_profiles().problems]


def test_profiles_of_both_files_are_one_list(aws_folder: Path) -> None:
    write(
        aws_folder,
        "[default]\nregion = us-west-2\n\n[profile prod]\nregion = eu-west-1\n"
        "[profile 'two words']\nregion=x\n",
        f"[prod]\naws_access_key_id = AKIA\naws_secret_access_key = {SECRET}\n[keys]\n"
        "aws_access_key_id = AKIA\n",
    )
    listing = read_profiles()
    assert listing.problems == ()
    assert [(one.name, one.region, one.kind) for one in listing.profiles] == [
        ("default", "us-west-2", ProfileKind.NONE),
        ("prod", "eu-west-1", ProfileKind.STATIC),
        ("two words", "x", ProfileKind.NONE),
        ("keys", None, ProfileKind.STATIC),
    ]
    prod = listing.get("prod")
    assert prod is not None
    assert [file.name for file in prod.files] == ["config", "credentials"]


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ("aws_access_key_id=A", ProfileKind.STATIC),
        ("role_arn=r\nsource_profile=base", ProfileKind.ASSUME_ROLE),
        ("role_arn=r\ncredential_source=Environment", ProfileKind.ASSUME_ROLE),
        ("role_arn=r\nweb_identity_token_file=f", ProfileKind.WEB_IDENTITY),
        ("sso_session=corp", ProfileKind.SSO),
        ("sso_start_url=https://x\nsso_region=r", ProfileKind.SSO),
        ("credential_process=/bin/true", ProfileKind.PROCESS),
        ("login_session=arn:x", ProfileKind.LOGIN),
        ("output=json", ProfileKind.NONE),
    ],
)
def test_the_kind_says_where_credentials_come_from(
    aws_folder: Path, lines: str, kind: ProfileKind
) -> None:
    write(
        aws_folder,
        f"[profile base]\naws_access_key_id=A\n[sso-session corp]\nsso_region=r\n"
        f"[profile one]\n{lines}\n",
    )
    profile = read_profiles().get("one")
    assert profile is not None
    assert profile.kind is kind


def test_no_files_is_an_empty_list_with_one_clear_problem(aws_folder: Path) -> None:
    listing = read_profiles()
    assert listing.profiles == ()
    (problem,) = listing.problems
    assert problem.file == aws_folder / "config"
    assert "There is no AWS configuration" in problem.message
    assert "aws configure" in problem.message


def test_files_without_profiles_say_so(aws_folder: Path) -> None:
    write(aws_folder, "# nothing here\n")
    (problem,) = read_profiles().problems
    assert "No profile is defined" in problem.message


def test_a_malformed_line_costs_its_own_profile_only(aws_folder: Path) -> None:
    write(
        aws_folder,
        "[profile good]\nregion = us-west-2\n"
        f"[profile bad]\nregion = us-west-2\nthis is {SECRET} without equals\n"
        "[profile fine]\nregion = eu-west-1\ns3 =\n  addressing_style = path\n",
    )
    listing = read_profiles()
    assert [profile.name for profile in listing.profiles] == ["good", "fine"]
    assert problems() == [("config", 5, "bad")]
    assert SECRET not in str(listing)


def test_a_lost_equals_sign_before_an_arn_is_malformed(aws_folder: Path) -> None:
    # configparser reads this as the option "role_arn arn": the role would silently be lost.
    write(
        aws_folder,
        "[profile prod]\naws_access_key_id=A\nrole_arn arn:aws:iam::1:role/x\n",
    )
    assert read_profiles().profiles == ()
    assert problems() == [("config", 3, "prod")]


def test_a_profile_defined_twice_is_ambiguous_and_not_used(aws_folder: Path) -> None:
    write(
        aws_folder,
        "[profile a]\nregion=x\n[profile twice]\nregion=x\n[profile twice]\nregion=y\n",
        "[twice]\naws_access_key_id=A\n[a]\naws_access_key_id=A\n",
    )
    listing = read_profiles()
    assert [profile.name for profile in listing.profiles] == ["a"]
    assert problems() == [("config", 5, "twice")]
    assert "first in line 3" in listing.problems[0].message


def test_a_setting_given_twice_is_ambiguous_too(aws_folder: Path) -> None:
    write(aws_folder, "[profile a]\nregion=x\n\nregion=y\n[profile b]\nregion=z\n")
    assert [profile.name for profile in read_profiles().profiles] == ["b"]
    assert problems() == [("config", 4, "a")]


def test_a_header_left_open_is_named(aws_folder: Path) -> None:
    write(aws_folder, "[profile a]\nregion=x\n[profile b\nregion=y\n[profile c]\nregion=z\n")
    assert [profile.name for profile in read_profiles().profiles] == ["a", "c"]
    assert problems() == [("config", 3, "profile b")] or problems() == [("config", 3, "b")]


def test_what_leans_on_a_damaged_profile_is_not_used_either(aws_folder: Path) -> None:
    write(
        aws_folder,
        "[profile base]\nbroken\n"
        "[profile role]\nrole_arn=r\nsource_profile=base\n"
        "[profile chain]\nrole_arn=r\nsource_profile=role\n"
        "[profile sso]\nsso_session=nowhere\n"
        "[profile alone]\nregion=x\n",
        "[base]\naws_access_key_id=A\n",
    )
    assert [profile.name for profile in read_profiles().profiles] == ["alone"]
    assert {problem[2] for problem in problems()} == {"base", "role", "chain", "sso"}


@pytest.mark.parametrize(
    ("config", "line", "says"),
    [
        ("region = x\n[profile a]\nregion=x\n", 1, "before any [section]"),
        ("[profile a]\nregion=x\n[staging]\nregion=y\n", 3, "[profile NAME]"),
        ("[profile a]\nregion=x\n[profile two words]\nregion=y\n", 3, "spaces"),
    ],
)
def test_usual_mistakes_are_explained(aws_folder: Path, config: str, line: int, says: str) -> None:
    write(aws_folder, config)
    listing = read_profiles()
    assert [profile.name for profile in listing.profiles] == ["a"]
    (problem,) = listing.problems
    assert problem.line == line
    assert says in problem.message


def test_bytes_that_are_no_text_cost_their_profile_only(aws_folder: Path) -> None:
    write(aws_folder)
    (aws_folder / "config").write_bytes(
        b"\xef\xbb\xbf[profile a]\r\nregion=x\r\n[profile b]\r\nregion=\xff\r\n"
    )
    assert [profile.name for profile in read_profiles().profiles] == ["a"]
    assert problems() == [("config", 4, "b")]


def test_a_file_that_cannot_be_read_is_a_problem(aws_folder: Path) -> None:
    write(aws_folder, credentials="[a]\naws_access_key_id=A\n")
    (aws_folder / "config").unlink()
    (aws_folder / "config").mkdir()
    listing = read_profiles()
    assert [profile.name for profile in listing.profiles] == ["a"]
    assert "cannot be read" in listing.problems[0].message


def test_the_variables_name_other_files(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("[profile a]\nregion=x\n")
    env = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": "~/mine"}
    assert [profile.name for profile in read_profiles(env).profiles] == ["a"]


def test_nothing_is_rewritten_when_nothing_is_damaged(aws_folder: Path) -> None:
    write(aws_folder, "[profile a]\nregion=x\n")
    assert healthy_files() is None


def test_the_healthy_part_keeps_its_lines(aws_folder: Path) -> None:
    write(
        aws_folder,
        "[profile a]\nregion=x # kept\n[profile b]\nbroken\n[plugins]\nx=y\n",
        "[b]\naws_access_key_id=B\n[a]\naws_access_key_id=A\n",
    )
    assert healthy_files() == (
        "[profile a]\nregion=x # kept\n[plugins]\nx=y\n",
        "[a]\naws_access_key_id=A\n",
    )


FILE_TEXT = st.text(st.sampled_from("[]profile a=\n #:;\t\r\"'\x00é%"), max_size=200)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(FILE_TEXT, FILE_TEXT)
def test_no_text_makes_it_fail(aws_folder: Path, config: str, credentials: str) -> None:
    write(aws_folder, config, credentials)
    listing = read_profiles()
    assert listing.profiles or listing.problems
    healthy_files()


def test_it_does_not_load_the_sdk() -> None:
    program = (
        "import sys; import cloudops_ls.aws.profiles; "
        "print(sorted({'boto3', 'botocore', 'pydantic'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"
