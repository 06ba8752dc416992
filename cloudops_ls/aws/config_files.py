"""The two AWS files section by section, and what is wrong with each; nothing of the SDK.

The AWS SDK refuses both files as soon as one line of them is malformed. Here every section is
parsed on its own by the standard library's ``configparser``, so that damage stays where it is.
"""

from __future__ import annotations

import configparser
import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

PROFILE_PREFIX = "profile"
REFERENCES = {"sso_session": "sso-session", "services": "services"}
"""Settings of a profile that name another section, and the word that section starts with."""
CREDENTIAL_OPTIONS = frozenset(
    {
        *("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token"),
        *("role_arn", "source_profile", "credential_source", "mfa_serial", "external_id"),
        *("role_session_name", "duration_seconds", "web_identity_token_file"),
        *("credential_process", "login_session"),
        *("sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name"),
    }
)
"""Settings that say where a profile's credentials come from."""


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
class Keys:
    """Credentials in plain sight; never logged, stored or sent."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    @property
    def options(self) -> dict[str, str]:
        """As the settings of a profile."""
        options = {
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
        }
        if self.session_token:
            options["aws_session_token"] = self.session_token
        return options


@dataclass(frozen=True, slots=True)
class Additions:
    """What to read into the two files, which themselves are never written.

    Attributes
    ----------
    keys
        By profile: the only credentials it has, whatever the files say.
    settings
        By profile: settings of profiles that the files do not have.
    dropped
        By profile: settings to read over.
    """

    keys: Mapping[str, Keys] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dropped: Mapping[str, Collection[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.keys or self.settings or self.dropped)

    def __or__(self, other: Additions) -> Additions:
        """Return both; the other's count where both have something."""
        return Additions(
            {**self.keys, **other.keys},
            {**self.settings, **other.settings},
            {**self.dropped, **other.dropped},
        )


@dataclass(slots=True)
class Section:
    """One ``[section]`` of a file; ``damaged`` once a problem was reported for it."""

    title: str
    line: int
    lines: list[str] = field(repr=False)
    options: dict[str, str] = field(default_factory=dict, repr=False)
    damaged: bool = False

    def drop(self, options: Collection[str]) -> None:
        """Remove settings, the indented lines under them included."""
        kept: list[str] = []
        dropping = False
        for line in self.lines:
            if not line[:1].isspace():
                dropping = line.partition("=")[0].strip().lower() in options
            if not dropping:
                kept.append(line)
        self.lines = kept
        self.options = {name: self.options[name] for name in self.options if name not in options}

    def put(self, options: Mapping[str, str]) -> None:
        """Set settings, replacing those of the same name."""
        self.drop(options)
        if self.lines and not self.lines[-1].endswith("\n"):
            self.lines[-1] += "\n"
        self.lines[1:1] = [f"{name} = {value}\n" for name, value in options.items()]
        self.options.update(options)


@dataclass(slots=True)
class AwsFile:
    """One of the two files, section by section."""

    path: Path
    is_config: bool
    exists: bool = False
    sections: list[Section] = field(default_factory=list)
    problems: list[ProfileProblem] = field(default_factory=list)

    def profile_of(self, section: Section) -> str | None:
        """Return the profile a section defines, as the SDK names it."""
        if not self.is_config or section.title == "default":
            return section.title
        try:
            words = shlex.split(section.title)
        except ValueError:
            return None
        return words[1] if len(words) == 2 and words[0] == PROFILE_PREFIX else None

    def report(self, section: Section, line: int, message: str) -> None:
        """Note a problem, which makes the section unusable."""
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


def load(
    env: Mapping[str, str] | None, additions: Additions | None = None
) -> tuple[AwsFile, AwsFile]:
    """Read the config and the credentials file; never raises for anything they contain."""
    config_path, credentials_path = file_paths(env)
    files = (AwsFile(config_path, True), AwsFile(credentials_path, False))
    for file in files:
        _read(file)
    if additions is not None:
        _add(files, additions)
    _spread_damage(files)
    return files


def _add(files: tuple[AwsFile, AwsFile], additions: Additions) -> None:
    config, credentials = files
    for name, settings in additions.settings.items():
        _section(config, name).put(settings)
    for name, options in additions.dropped.items():
        for section in config.sections:
            if config.profile_of(section) == name:
                section.drop(options)
    for name, keys in additions.keys.items():
        for file in files:
            for section in file.sections:
                if file.profile_of(section) == name:
                    section.drop(CREDENTIAL_OPTIONS)
        _section(credentials, name).put(keys.options)


def _section(file: AwsFile, profile: str) -> Section:
    """Return the section of a profile, added where the file has none."""
    for section in file.sections:
        if file.profile_of(section) == profile:
            return section
    quoted = shlex.quote(profile)
    title = f"{PROFILE_PREFIX} {quoted}" if file.is_config and profile != "default" else profile
    if file.sections and not file.sections[-1].lines[-1].endswith("\n"):
        file.sections[-1].lines[-1] += "\n"
    section = Section(title, 0, [f"[{title}]\n"])
    file.sections.append(section)
    return section


def _read(file: AwsFile) -> None:
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
    first: dict[str, Section] = {}
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


def _split(data: bytes, file: AwsFile) -> Iterator[Section]:
    """Cut a file at its section headers; what stands before the first one is reported."""
    text = data.decode("utf-8-sig", errors="replace")
    current: Section | None = None
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if line.startswith("["):
            if current:
                yield current
            header = configparser.RawConfigParser.SECTCRE.match(line.strip())
            current = Section(header["header"] if header else line.strip(), number, [line])
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


def _parse(section: Section, file: AwsFile) -> None:
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


def _line_of(option: str, section: Section) -> int:
    for offset, line in enumerate(section.lines):
        if line.lower().startswith(option):
            return section.line + offset
    return section.line


def _check_title(section: Section, file: AwsFile) -> None:
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


def _spread_damage(files: tuple[AwsFile, AwsFile]) -> None:
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


def _damaged_profiles(files: tuple[AwsFile, AwsFile]) -> set[str | None]:
    return {
        file.profile_of(section) for file in files for section in file.sections if section.damaged
    } - {None}


def _check_references(files: tuple[AwsFile, AwsFile]) -> None:
    profiles = usable(files)
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


def usable(files: tuple[AwsFile, AwsFile]) -> dict[str, dict[str, str]]:
    """Return the options of every undamaged profile; the credentials file's values win."""
    profiles: dict[str, dict[str, str]] = {}
    for file in files:
        for section in file.sections:
            name = file.profile_of(section)
            if name is not None and name != configparser.DEFAULTSECT and not section.damaged:
                profiles.setdefault(name, {}).update(section.options)
    return profiles
