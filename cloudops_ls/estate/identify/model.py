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
