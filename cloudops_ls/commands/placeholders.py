"""Values of one step's output in a later step: ``{{1.Snapshot.SnapshotId}}`` (decision 0010).

The number is the step's, from 1; what follows the point is JMESPath over its output. A value is
data: it becomes part of one word of the argument list, and cannot become an option, a file that
the CLI would read, a structure, or another word.
"""

from __future__ import annotations

import json
import re
import secrets
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.commands.shell import ShellSyntaxError, split
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import JsonValue

_PLACEHOLDER = re.compile(r"\{\{[ \t]*(?P<step>[1-9]\d?)[ \t]*(?:\.(?P<path>[^{}\n]+))?\}\}")
_WORD = re.compile(r"[\w.:/@+ -]+={0,2}")
_LONGEST = 2048
_FILE = re.compile(r"fileb?://", re.IGNORECASE)


class PlaceholderError(CloudOpsError):
    """A value cannot be filled in; the command does not run."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One ``{{…}}`` in a command's text.

    Attributes
    ----------
    text
        As it is written.
    step
        Whose output it takes, from 1.
    path
        JMESPath over the output's JSON; None for the output as it is.
    start, end
        Code points in the command's text.
    """

    text: str
    step: int
    path: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A command with its values.

    Attributes
    ----------
    text
        A command whose words are those of the original, with the values in them.
    values
        Each placeholder as it is written, with the value it got.
    """

    text: str
    values: tuple[tuple[str, str], ...]


def placeholders(text: str) -> tuple[Placeholder, ...]:
    """Return the placeholders of a command, in order."""
    return tuple(
        Placeholder(
            found[0],
            int(found["step"]),
            path.strip() if (path := found["path"]) is not None else None,
            *found.span(),
        )
        for found in _PLACEHOLDER.finditer(text)
    )


def fill(text: str, value_of: Callable[[Placeholder], JsonValue]) -> Filled:
    """Return the command with every placeholder replaced.

    Parameters
    ----------
    value_of
        Returns what stands at a placeholder's path in its step's output.

    Raises
    ------
    PlaceholderError
        A value is missing, or cannot be one word or a part of one.
    """
    marks: dict[str, tuple[Placeholder, str]] = {}
    masked = ""
    end = 0
    for each in placeholders(text):
        mark = f"value{secrets.token_hex(12)}"
        marks[mark] = each, _as_text(each, value_of(each))
        masked += text[end : each.start] + mark
        end = each.end
    masked += text[end:]
    if not marks:
        return Filled(text, ())
    try:
        words = split(masked).argv
    except ShellSyntaxError as error:
        raise PlaceholderError(error.what, fix=error.fix) from None
    filled = tuple(_filled(word, marks) for word in words)
    joined = shlex.join(filled)
    if split(joined).argv != filled:
        raise PlaceholderError("The values cannot be written into the command", fix="Write them")
    values = tuple((each.text, value) for each, value in marks.values())
    return Filled(joined, values)


def value_in(output: str, placeholder: Placeholder) -> JsonValue:
    """Return what a step's output holds at a placeholder's path.

    Raises
    ------
    PlaceholderError
        The output is not JSON, or the path is no JMESPath.
    """
    # Half of botocore would come with it where nothing is filled in.
    import jmespath
    from jmespath.exceptions import JMESPathError

    if placeholder.path is None:
        return output.strip()
    try:
        content = json.loads(output)
    except (ValueError, RecursionError):
        raise PlaceholderError(
            f"The output of step {placeholder.step} is not JSON, so nothing can be taken from it",
            where=placeholder.text,
            fix="Let that step answer with --output json, or write {{"
            f"{placeholder.step}}}}} for its whole output",
        ) from None
    try:
        found: JsonValue = jmespath.search(placeholder.path, content)
    except JMESPathError as error:
        raise PlaceholderError(
            f"This is no JMESPath: {str(error).splitlines()[0]}", where=placeholder.text
        ) from None
    return found


def _as_text(placeholder: Placeholder, value: JsonValue) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if value is None or value == "":
        raise PlaceholderError(
            f"The output of step {placeholder.step} has no value there",
            where=placeholder.text,
            fix="Look at that output, and correct the path",
        )
    if not isinstance(value, str):
        raise PlaceholderError(
            "There is a list or a structure there, and a command's word is a single value",
            where=placeholder.text,
            fix="Choose one, such as with [0]",
        )
    if len(value) > _LONGEST or not value.isprintable() or not _WORD.fullmatch(value):
        raise PlaceholderError(
            "The value holds characters that could mean more than a value",
            where=placeholder.text,
            fix="Write the value into the command yourself",
        )
    return value


def _filled(word: str, marks: dict[str, tuple[Placeholder, str]]) -> str:
    whole = word
    first: Placeholder | None = None
    for mark, (placeholder, value) in marks.items():
        if mark in whole:
            first = placeholder if word.startswith(mark) else first
            whole = whole.replace(mark, value)
    if first is not None and (whole.startswith("-") or _FILE.match(whole)):
        raise PlaceholderError(
            "The value would be read as an option or as a file",
            where=first.text,
            fix="Write the value into the command yourself",
        )
    return whole
