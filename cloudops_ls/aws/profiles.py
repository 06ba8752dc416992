"""The AWS profiles of this user, read tolerantly: one damaged line never hides a healthy profile.

The AWS SDK refuses both files as soon as one line of them is malformed. Here every section is
parsed on its own by the standard library's ``configparser``, so that damage stays where it is.
A profile that is touched by damage is left out on purpose: a lost ``role_arn`` would otherwise
silently mean another account. Nothing here imports the SDK, and no secret leaves this module
except through :func:`healthy_files`.
"""

from __future__ import annotations

import configparser
import os
import shlex
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROFILE_PREFIX = "profile"
REFERENCES = {"sso_session": "sso-session", "services": "services"}
"""Settings of a profile that name another section, and the word that section starts with."""


class ProfileKind(StrEnum):
    """Where a profile's credentials come from, in the SDK's own order of preference."""

    ASSUME_ROLE = "assume-role"
    WEB_IDENTITY = "web-identity"
    SSO = "sso"
    STATIC = "static"
    LOGIN = "login"
    PROCESS = "process"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Profile:
    """One usable profile; holds no secret.

    Attributes
    ----------
    region
        The region written in the profile; None when there is none.
    source_profile
        The profile whose credentials assume this one's role.
    files
        The files that define it.
    """

    name: str
    kind: ProfileKind
    region: str | None
    source_profile: str | None
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class ProfileProblem:
    """Something in the files that the operator should repair; never quotes a line's content.

    Attributes
    ----------
    line
        Counted from 1; None when the problem is the file itself.
    profile
        The profile that cannot be used because of it, if it is one.
    """

    file: Path
    line: int | None
    message: str
    profile: str | None = None

    def __str__(self) -> str:
        place = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class ProfileListing:
    """The usable profiles in the order of the files, and what is wrong with the rest."""

    profiles: tuple[Profile, ...]
    problems: tuple[ProfileProblem, ...]

    def get(self, name: str) -> Profile | None:
        """Return the usable profile called ``name``."""
        return next((profile for profile in self.profiles if profile.name == name), None)

    def problem_of(self, name: str) -> ProfileProblem | None:
        """Return the first problem that makes the profile ``name`` unusable."""
        return next((problem for problem in self.problems if problem.profile == name), None)


@dataclass(slots=True)
class _Section:
    """One ``[section]`` of a file; ``damaged`` once a problem was reported for it."""

    title: str
    line: int
    lines: list[str] = field(repr=False)
    options: dict[str, str] = field(default_factory=dict, repr=False)
    damaged: bool = False


@dataclass(slots=True)
class _File:
    """One of the two files, section by section."""

    path: Path
    is_config: bool
    exists: bool = False
    sections: list[_Section] = field(default_factory=list)
    problems: list[ProfileProblem] = field(default_factory=list)

    def profile_of(self, section: _Section) -> str | None:
        """Return the profile a section defines, as the SDK names it."""
        if not self.is_config or section.title == "default":
            return section.title
        try:
            words = shlex.split(section.title)
        except ValueError:
            return None
        return words[1] if len(words) == 2 and words[0] == PROFILE_PREFIX else None

    def report(self, section: _Section, line: int, message: str) -> None:
        section.damaged = True
        self.problems.append(ProfileProblem(self.path, line, message, self.profile_of(section)))


def file_paths(env: Mapping[str, str] | None = None) -> tuple[Path, Path]:
    """Return the paths of the config and the credentials file, existing or not."""
    env = os.environ if env is None else env
    home = env.get("HOME") or env.get("USERPROFILE") or str(Path.home())

    def path(variable: str, default: str) -> Path:
        value = env.get(variable) or f"~/.aws/{default}"
        return Path(home + value[1:] if value.startswith("~/") else value)

    return path("AWS_CONFIG_FILE", "config"), path("AWS_SHARED_CREDENTIALS_FILE", "credentials")


def read_profiles(env: Mapping[str, str] | None = None) -> ProfileListing:
    """List the profiles of ``~/.aws``; never raises for anything the files contain.

    Parameters
    ----------
    env
        Variables to honour (``HOME``, ``AWS_CONFIG_FILE``, ``AWS_SHARED_CREDENTIALS_FILE``);
        the process environment when None.
    """
    files = _load(env)
    problems = [problem for file in files for problem in file.problems]
    if not any(file.exists for file in files):
        message = (
            "There is no AWS configuration here or in "
            f"{files[1].path.name}; run 'aws configure' or 'aws configure sso' to create it"
        )
        return ProfileListing((), (*problems, ProfileProblem(files[0].path, None, message)))
    usable = _usable(files)
    profiles = tuple(
        Profile(
            name=name,
            kind=_kind(options),
            region=options.get("region"),
            source_profile=options.get("source_profile"),
            files=tuple(
                file.path
                for file in files
                if any(file.profile_of(section) == name for section in file.sections)
            ),
        )
        for name, options in usable.items()
    )
    if not profiles and not problems:
        problems.append(
            ProfileProblem(
                files[0].path, None, "No profile is defined; run 'aws configure' to create one"
            )
        )
    return ProfileListing(profiles, tuple(problems))


def healthy_files(env: Mapping[str, str] | None = None) -> tuple[str, str] | None:
    """Return the texts of both files without what is damaged, or None if nothing is.

    The texts hold secrets: they may be given to the SDK, never logged, stored or sent.
    """
    files = _load(env)
    if not any(section.damaged for file in files for section in file.sections):
        return None
    config, credentials = (
        "".join(line for section in file.sections if not section.damaged for line in section.lines)
        for file in files
    )
    return config, credentials


def _load(env: Mapping[str, str] | None) -> tuple[_File, _File]:
    config_path, credentials_path = file_paths(env)
    files = (_File(config_path, True), _File(credentials_path, False))
    for file in files:
        _read(file)
    _spread_damage(files)
    return files


def _read(file: _File) -> None:
    """Read and parse one file, section by section."""
    try:
        data = file.path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        file.exists = True
        file.problems.append(
            ProfileProblem(file.path, None, f"The file cannot be read: {error.strerror}")
        )
        return
    file.exists = True
    first: dict[str, _Section] = {}
    for section in _split(data, file):
        file.sections.append(section)
        if not section.damaged:
            _parse(section, file)
        earlier = first.setdefault(section.title, section)
        if earlier is not section:
            earlier.damaged = True
            file.report(
                section,
                section.line,
                f"The section is defined twice, first in line {earlier.line}; "
                "it is ambiguous and not used until one of them is removed",
            )


def _split(data: bytes, file: _File) -> Iterator[_Section]:
    """Cut a file at its section headers; what stands before the first one is reported."""
    text = data.decode("utf-8-sig", errors="replace")
    current: _Section | None = None
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if line.startswith("["):
            if current:
                yield current
            header = configparser.RawConfigParser.SECTCRE.match(line.strip())
            current = _Section(header["header"] if header else line.strip(), number, [line])
            if not header:
                current.title = line.strip().strip("[ ")
                file.report(current, number, "The section header has no closing bracket")
        elif current:
            current.lines.append(line)
        elif line.strip() and not line.lstrip().startswith(("#", ";")):
            file.problems.append(
                ProfileProblem(file.path, number, "The line stands before any [section]")
            )
        if current and "\ufffd" in line and not current.damaged:
            file.report(current, number, "The line is not valid UTF-8")
    if current:
        yield current


def _parse(section: _Section, file: _File) -> None:
    """Fill ``section.options`` by the maintained parser, or report why it cannot."""
    parser = configparser.RawConfigParser()
    offset = section.line - 1
    try:
        parser.read_string("".join(section.lines))
    except configparser.DuplicateOptionError as error:
        line = offset + (error.lineno or 1)
        file.report(section, line, f"The setting '{error.option}' is given twice")
        return
    except configparser.ParsingError as error:
        lines = [number for number, *_ in error.errors] or [1]
        for number in lines:
            file.report(section, offset + number, "The line is not of the form 'name = value'")
        return
    except configparser.Error:
        file.report(section, section.line, "The section is malformed")
        return
    for title in parser.sections():
        section.options.update(parser.items(title))
    section.options.update(parser.defaults())
    for option, value in section.options.items():
        if len(option.split()) > 1:
            # configparser also splits at ":", so a missing "=" before an ARN goes unnoticed.
            line = _line_of(option, section)
            file.report(section, line, "The line is not of the form 'name = value'")
        nested = value.split("\n")[1:] if value.startswith("\n") else []
        if any(line.strip() and "=" not in line for line in nested):
            message = f"The lines under '{option}' are not of the form 'name = value'"
            file.report(section, section.line, message)
    if file.is_config and file.profile_of(section) is None:
        _check_title(section, file)


def _line_of(option: str, section: _Section) -> int:
    for offset, line in enumerate(section.lines):
        if line.lower().startswith(option):
            return section.line + offset
    return section.line


def _check_title(section: _Section, file: _File) -> None:
    """Report a section that was surely meant as a profile but is none for the SDK."""
    words = section.title.split()
    meant = {"aws_access_key_id", "role_arn", "sso_account_id", "credential_process", "region"}
    if words[:1] == [PROFILE_PREFIX]:
        message = 'The profile name has spaces or a quote left open; write [profile "the name"]'
    elif len(words) == 1 and meant & section.options.keys():
        message = "The section is no profile; in this file its header is [profile NAME]"
    else:
        return
    file.problems.append(ProfileProblem(file.path, section.line, message))


def _spread_damage(files: tuple[_File, _File]) -> None:
    """Mark everything that depends on damage: the other file's half, and profiles by reference."""
    while True:
        before = sum(section.damaged for file in files for section in file.sections)
        damaged = _damaged_profiles(files)
        for file in files:
            for section in file.sections:
                if file.profile_of(section) in damaged:
                    section.damaged = True
        _check_references(files)
        if before == sum(section.damaged for file in files for section in file.sections):
            return


def _damaged_profiles(files: tuple[_File, _File]) -> set[str | None]:
    return {
        file.profile_of(section) for file in files for section in file.sections if section.damaged
    } - {None}


def _check_references(files: tuple[_File, _File]) -> None:
    profiles = _usable(files)
    titles = {
        tuple(section.title.split(maxsplit=1))
        for section in files[0].sections
        if not section.damaged
    }
    for file in files:
        for section in file.sections:
            if section.damaged or file.profile_of(section) is None:
                continue
            source = section.options.get("source_profile")
            if source is not None and source not in profiles:
                message = f"The source profile '{source}' is not defined, or not usable itself"
                file.report(section, section.line, message)
            for option, kind in REFERENCES.items():
                name = section.options.get(option)
                if name is not None and "\n" not in name and (kind, name) not in titles:
                    message = f"There is no usable section [{kind} {name}], which it names"
                    file.report(section, section.line, message)


def _usable(files: tuple[_File, _File]) -> dict[str, dict[str, str]]:
    """Return the options of every undamaged profile; the credentials file's values win."""
    profiles: dict[str, dict[str, str]] = {}
    for file in files:
        for section in file.sections:
            name = file.profile_of(section)
            if name is not None and name != configparser.DEFAULTSECT and not section.damaged:
                profiles.setdefault(name, {}).update(section.options)
    return profiles


def _kind(options: Mapping[str, str]) -> ProfileKind:
    if "role_arn" in options and "web_identity_token_file" in options:
        return ProfileKind.WEB_IDENTITY
    if "role_arn" in options:
        return ProfileKind.ASSUME_ROLE
    if "sso_session" in options or "sso_start_url" in options:
        return ProfileKind.SSO
    if "aws_access_key_id" in options:
        return ProfileKind.STATIC
    if "login_session" in options:
        return ProfileKind.LOGIN
    return ProfileKind.PROCESS if "credential_process" in options else ProfileKind.NONE
