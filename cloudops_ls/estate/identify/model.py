"""What a request may mean, and how that was found."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class How(StrEnum):
    """How a resource was found in a request."""

    MISSPELLED = "misspelled"
    """A word is within two misspellings of its name."""
    DESCRIPTION = "description"
    """The request describes it: type, tags, state, place, engine, parts of its name."""
    RELATION = "relation"
    """The request describes it, and what it belongs to."""
    PREVIOUS = "previous"
    """A pronoun points back at it."""
    AMBIGUOUS = "ambiguous"
    """A pronoun for one thing points back at it and at others."""


class Named(NamedTuple):
    """A name, id or ARN that stands in the request.

    Attributes
    ----------
    text
        As it stands there.
    arns
        Everything it may mean.
    """

    text: str
    arns: tuple[str, ...]


class Candidate(NamedTuple):
    """A resource that the request may mean.

    Attributes
    ----------
    arn
        Which one.
    how, score
        How it was found, and how sure that is, up to 1.
    words
        The words of the request that led to it.
    """

    arn: str
    how: How
    score: float
    words: str


class Description(NamedTuple):
    """Everything that a request describes.

    Attributes
    ----------
    arns
        Which resources.
    whole
        Whether they fulfil every word of the request that is known here; else one was left out,
        or nothing was found.
    words
        The words that are part of their names, of values of their tags, or of their accounts.
    unknown
        Words that describe, but nothing here: no name, tag, account, type, state or place.
    """

    arns: frozenset[str]
    whole: bool
    words: tuple[str, ...]
    unknown: tuple[str, ...]
