"""Writes the pages of ``docs/`` that are made from the program: settings and LSP commands.

Usage: ``python tools/generate_docs.py`` (``--check`` only compares; exit status 1 when a page is
not current).
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudops_ls import config
from cloudops_ls.lsp import arguments
from cloudops_ls.lsp.commands.registry import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

DOCS = Path(__file__).resolve().parents[1] / "docs"

_SETTINGS = """\
# Settings

Made from the models that read them (`python tools/generate_docs.py`).

Settings are in `~/.cloudops/config.toml` (`CLOUDOPS_HOME` names another directory), or in the
editor under `cloudops.`, which wins. A value that cannot be used is reported once and ignored, so
that the next source or the default counts.

```toml
profile = "production"

[assistant]
kind = "openai"
url = "http://localhost:11434/v1"
model = "qwen3"
```

An editor's settings may come with a folder that somebody else wrote. So what names a program
(`commands.aws`) and where things are stored (`database`, `backup`) counts in `config.toml` only.
What belongs to the background process that all windows share (`estate.concurrency`,
`estate.service_concurrency`, `estate.organization_role`, `search`, `worker`) is read from there
too, when that process starts.

Secrets are no settings: tokens and keys are in the keychain or in environment variables, see
[Storage](storage.md) and [The assistant protocol](protocol.md).
"""
_COMMANDS = """\
# LSP commands

For those who write a client: every `workspace/executeCommand` of the server. Made from the table
that registers them (`python tools/generate_docs.py`).

Each takes one JSON object, or nothing. Positions are in the units that were agreed on when the
client connected. A command that fails shows the operator one message and answers `{"status":
"failed", "error": "…"}`; one that the operator declines answers with a `status` that says so.
Commands marked † are refused in a folder that the client has said is not trusted. The question
before something runs is described in [Safety](safety.md).
"""


def settings_page() -> str:
    """Return ``docs/settings.md``."""
    meanings = _attribute_docs(config)
    schema = config.Settings.model_json_schema()
    parts = [_SETTINGS, "## General\n"]
    sections = []
    rows = []
    for name, field in schema["properties"].items():
        if "$ref" in field and (section := _resolved(schema, field))["type"] == "object":
            sections.append((name, field["$ref"].rpartition("/")[2], section))
        else:
            rows.append(_setting(schema, name, field, meanings["Settings"]))
    parts.append(_table(("Setting", "Value", "Default", "Meaning"), rows))
    for name, model, section in sections:
        parts.append(f"## `{name}`\n\n{section['description']}\n")
        rows = [
            _setting(schema, f"{name}.{field}", each, meanings[model])
            for field, each in section["properties"].items()
        ]
        parts.append(_table(("Setting", "Value", "Default", "Meaning"), rows))
    return "\n".join(parts)


def commands_page() -> str:
    """Return ``docs/lsp-commands.md``."""
    meanings = _attribute_docs(arguments)
    parts = [_COMMANDS]
    for area, commands in COMMANDS.items():
        parts.append(f"## {area}\n")
        for command in commands:
            mark = " †" if command.trusted else ""
            parts.append(f"### `{command.id}`{mark}\n")
            paragraphs = inspect.cleandoc(command.handler().__doc__ or "").split("\n\n")
            told = [each for each in paragraphs[:2] if not re.search(r"^-{3,}$", each, re.M)]
            parts.append(_prose("\n\n".join(told)) + "\n")
            if (model := command.argument_model()) is None:
                continue
            schema = model.model_json_schema()
            known: dict[str, str] = {}
            for base in reversed(model.__mro__):
                known |= meanings.get(base.__name__, {})
            by_alias = {field.alias or name: name for name, field in model.model_fields.items()}
            required = schema.get("required", [])
            rows = [
                (
                    f"`{name}`" + (" (required)" if name in required else ""),
                    _kind(schema, field),
                    "" if name in required else _default(schema, field),
                    known.get(by_alias[name], ""),
                )
                for name, field in schema["properties"].items()
            ]
            parts.append(_table(("Field", "Value", "Default", "Meaning"), rows))
    return "\n".join(parts)


PAGES = {"settings.md": settings_page, "lsp-commands.md": commands_page}


def _attribute_docs(module: ModuleType) -> dict[str, dict[str, str]]:
    """Return the docstrings of attributes by class.

    pydantic can do it too, but when the models are imported: at every start.
    """
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        own = found.setdefault(node.name, {})
        for field, text in pairwise(node.body):
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            match text:
                case ast.Expr(value=ast.Constant(value=str(docstring))):
                    own[field.target.id] = _prose(docstring)
    return found


def _prose(docstring: str) -> str:
    paragraphs = inspect.cleandoc(docstring).replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _setting(
    schema: dict[str, Any], name: str, field: dict[str, Any], meanings: dict[str, str]
) -> tuple[str, str, str, str]:
    meaning = meanings[name.rpartition(".")[2]]
    return f"`{name}`", _kind(schema, field), _default(schema, field), meaning


def _resolved(schema: dict[str, Any], field: dict[str, Any]) -> dict[str, Any]:
    """Return a field's own schema: behind a reference, and without the null that means unset."""
    for choice in field.get("anyOf", ()):
        if choice.get("type") != "null":
            return _resolved(schema, {**choice, "default": field.get("default")})
    if "$ref" in field:
        found: dict[str, Any] = schema["$defs"][field["$ref"].rpartition("/")[2]]
        return found
    return field


def _kind(schema: dict[str, Any], field: dict[str, Any]) -> str:
    own = _resolved(schema, field)
    if "enum" in own or "const" in own:
        return ", ".join(f"`{each}`" for each in own.get("enum", [own.get("const")]))
    if own["type"] == "array":
        return "list of text"
    if own["type"] == "object" and "properties" in own:
        return "object: " + ", ".join(f"`{name}`" for name in own["properties"])
    kinds = {"boolean": "`true`, `false`", "string": "text", "object": "object"}
    limits = " ".join(_limits(own))
    return kinds.get(own["type"]) or f"{own['type']} {limits}".strip()


def _limits(own: dict[str, Any]) -> Iterator[str]:
    for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤")):
        if key in own:
            yield f"{sign} {own[key]:,.15g}".replace(",", "\u202f")


def _default(schema: dict[str, Any], field: dict[str, Any]) -> str:
    default = field.get("default")
    if default is None:
        return "unset"
    if default == "":
        return "empty"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    # A pipe would end the cell.
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )


def main(given: list[str]) -> int:
    """Write the pages, or check that they are current; return the exit status."""
    stale = 0
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if "--check" in given:
            stale += not path.exists() or path.read_text(encoding="utf-8") != text
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
