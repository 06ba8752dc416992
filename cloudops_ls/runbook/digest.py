"""How what an assistant wrote is recognised again."""

from __future__ import annotations

from hashlib import sha256

from cloudops_ls.runbook.text import normalize_newlines


def digest(text: str) -> str:
    r"""Return the SHA-256, in hex, of `text` with its newlines written as ``\n``.

    Everything else counts, trailing spaces included.
    """
    return sha256(normalize_newlines(text).encode("utf-8", "surrogatepass")).hexdigest()
