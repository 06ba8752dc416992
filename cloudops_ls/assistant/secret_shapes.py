"""Tokens that are known by their shape alone, whatever stands around them.

The shapes are those of detect-secrets' plugins and of ``secret_shapes.toml``, which lists what
gitleaks' rules and the services themselves describe beyond them. Not all plugins fit text about
an AWS estate:

==========================  ===================================================================
Plugin                      Why it is not used
==========================  ===================================================================
``high_entropy_strings``    ids, digests and generated names are as random as secrets
``artifactory``             ``AP`` and ten letters are the beginning of many names
``npm``, ``openai``         take quadratic time on hostile text; bounded forms are listed
``jwt``, ``private_key``,   find the beginning of a secret; `redaction` finds all of it
``basic_auth``, ``aws``
``keyword``, ``cloudant``,  go by the name beside the value, as `redaction` does for all services
``ibm_*``, ``softlayer``
``ip_public``               an address is no secret
==========================  ===================================================================
"""

from __future__ import annotations

import importlib
import re
import tomllib
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

SHORTEST: Final = 20
"""Characters of the shortest of these tokens."""

_ALONE: Final = r"(?<![A-Za-z0-9])"

_PLUGINS: Final = (
    "azure_storage_key",
    "discord",
    "github_token",
    "gitlab_token",
    "mailchimp",
    "pypi_token",
    "sendgrid",
    "slack",
    "square_oauth",
    "stripe",
    "telegram_token",
    "twilio",
)


class Shapes(NamedTuple):
    """What tokens look like.

    Attributes
    ----------
    maintained
        One pattern for those that detect-secrets knows.
    listed
        Those of ``secret_shapes.toml``: letters that are always in one, and its pattern.
    """

    maintained: re.Pattern[str]
    listed: tuple[tuple[str, re.Pattern[str]], ...]

    def replaced(self, text: str, mark: str) -> str:
        """Return a text with every such token replaced by a mark."""
        if len(text) < SHORTEST:
            return text
        text = self.maintained.sub(mark, text)
        for letters, pattern in self.listed:
            if letters in text:
                text = pattern.sub(mark, text)
        return text


@cache
def token_shapes() -> Shapes:
    """Return the shapes of tokens; the first call imports detect-secrets."""
    plugins = importlib.import_module("detect_secrets.plugins.base")
    shapes: list[str] = []
    for name in _PLUGINS:
        module = importlib.import_module(f"detect_secrets.plugins.{name}")
        for kind in vars(module).values():
            own = isinstance(kind, type) and kind.__module__ == module.__name__
            if own and issubclass(kind, plugins.RegexBasedDetector):
                shapes += [_inline(rule) for rule in kind.denylist]
    file = resources.files(__package__) / "secret_shapes.toml"
    listed = tuple(
        (letters, re.compile(rf"{_ALONE}(?:{pattern})"))
        for group in tomllib.loads(file.read_text("utf-8")).values()
        for letters, pattern in group.values()
    )
    return Shapes(re.compile(rf"{_ALONE}(?:{'|'.join(shapes)})"), listed)


def _inline(rule: re.Pattern[str]) -> str:
    """Return a detector's pattern as part of a larger one."""
    return f"(?i:{rule.pattern})" if rule.flags & re.IGNORECASE else f"(?:{rule.pattern})"
