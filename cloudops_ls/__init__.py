"""CloudOps LS: a Markdown runbook as a safe conversation with your AWS estate."""

from __future__ import annotations


def __getattr__(name: str) -> str:
    """Read ``__version__`` from the installed metadata; ``pyproject.toml`` is its source."""
    if name == "__version__":
        from importlib.metadata import version

        return version("cloudops-ls")
    raise AttributeError(name)
