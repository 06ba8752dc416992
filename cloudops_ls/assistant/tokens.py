"""How long a text is for a language model, in tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CHARACTERS_PER_TOKEN: Final = 4
_LARGEST_FILE: Final = 200 * 2**20


class TokenCounter(Protocol):
    """Counts tokens."""

    name: str
    """What counts, as it is shown."""

    def count(self, text: str) -> int:
        """Return how many tokens ``text`` is."""
        ...


class EstimatedTokens:
    """One token per 4 characters.

    English prose has 4 to 5 characters a token, ids and ARNs about 3; the estimate serves a
    budget, not a bill.
    """

    name = "estimate"

    def count(self, text: str) -> int:
        """Return about how many tokens a language model makes of ``text``."""
        return -(-len(text) // _CHARACTERS_PER_TOKEN)


class FileTokenizer:
    """The tokenizer of a model, from its ``tokenizer.json`` (Hugging Face tokenizers).

    Parameters
    ----------
    path
        The file. Nothing is downloaded.

    Raises
    ------
    CloudOpsError
        It cannot be read, or is none.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._tokenizer = _load(path)

    def count(self, text: str) -> int:
        """Return how many tokens the model makes of ``text``."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


def token_counter(tokenizer: str | None) -> TokenCounter:
    """Return what counts tokens: the tokenizer file if one is named, else the estimate.

    Raises
    ------
    CloudOpsError
        The file cannot be used.
    """
    return EstimatedTokens() if tokenizer is None else FileTokenizer(Path(tokenizer).expanduser())


def _load(path: Path) -> Tokenizer:
    # Some 10 MB of native code, for those who name a file.
    from tokenizers import Tokenizer

    wrong = "The tokenizer of the model cannot be used"
    fix = "Set it to the model's tokenizer.json, or unset it: an estimate is used then"
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise CloudOpsError(f"{wrong}: it is too large", where=str(path), fix=fix)
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise CloudOpsError(f"{wrong}: {reason}", where=str(path), fix=fix) from None
    try:
        found = Tokenizer.from_str(text)
        found.no_truncation()
        found.no_padding()
    except Exception:  # tokenizers raises bare Exception
        raise CloudOpsError(f"{wrong}: it is no tokenizer", where=str(path), fix=fix) from None
    return found
