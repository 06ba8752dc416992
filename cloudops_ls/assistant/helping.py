"""What the built-in planner says of itself: to whoever asks, and instead of an answer."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant.describe import joined, sentence
from cloudops_ls.assistant.protocol import InformationReply
from cloudops_ls.estate.catalog.model import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudops_ls.assistant.protocol import Reply, ResourceRecord
    from cloudops_ls.estate.catalog.loader import Catalog

_ASKED: Final = re.compile(
    r"\W*(?:help|hi|hello|hey|thanks?|thank you|what (?:can|do) (?:you|i)\b.*|who are you.*"
    r"|how does this work.*)\W*",
    re.IGNORECASE | re.DOTALL,
)
_EXAMPLES: Final = (
    "What is `pg-main`?",
    "stopped instances in eu-west-1",
    "how many buckets of the shop app are in production",
    "what depends on `shop-alb`",
    "what changed since yesterday",
    "stop `pg-main`",
    "tag `web-1` team=payments",
    "scale `checkout` to 5",
)
_MOST_TITLES: Final = 4


def help_reply(
    prompt: str,
    catalog: Catalog,
    title: Callable[[str], str],
    close: Sequence[ResourceRecord] = (),
) -> Reply:
    """Return what the planner understands, with examples and its actions.

    Parameters
    ----------
    prompt
        What was written; when it does not ask for help, it was not understood.
    title
        Returns what an action is called in a sentence.
    close
        Resources that the prompt may be about.
    """
    not_understood = "" if _ASKED.fullmatch(prompt) else "I do not understand what you want. "
    examples = "\n".join(f"- {example}" for example in _EXAMPLES)
    parts = [
        f"{not_understood}I am the built-in planner, no language model. I know what scans found, "
        f"and read English sentences about it, such as\n\n{examples}",
        f"Commands are proposed to you, and run when you have confirmed them:\n\n"
        f"{_abilities(catalog, title)}",
    ]
    if close:
        found = "\n".join(f"- {sentence(resource, catalog)}" for resource in close)
        parts.append(f"What you wrote may be about:\n\n{found}")
    return InformationReply(text="\n\n".join(parts))


def _abilities(catalog: Catalog, title: Callable[[str], str]) -> str:
    able: dict[str, list[str]] = defaultdict(list)
    for kind in catalog:
        for action in kind.actions:
            able[action].append(plural(kind.title))
    lines: dict[str, list[str]] = defaultdict(list)
    for action, titles in able.items():
        first = sorted(titles, key=str.casefold)[:_MOST_TITLES]
        if len(titles) == len(catalog):
            first = [f"all {len(titles)} types of resource"]
        elif len(titles) > len(catalog) // 2:
            first = [f"most types of resource ({len(titles)} of {len(catalog)})"]
        elif len(titles) > len(first):
            first.append(f"{len(titles) - len(first)} more types")
        lines[joined(first)].append(title(action))
    return "\n".join(f"- **{joined(actions)}**: {what}" for what, actions in lines.items())
