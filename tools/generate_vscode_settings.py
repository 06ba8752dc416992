"""Writes the server's settings into the VS Code extension's manifest, from ``cloudops_ls.config``.

Names, defaults, ranges and patterns go into ``package.json``, their descriptions, which can be
translated, into ``package.nls.json``. What the extension adds for itself (``cloudops.server.*``,
``.suggest.*``, ``.trace.*``) is left as it is, and so is everything else in both files.

Usage: ``python tools/generate_vscode_settings.py`` (``--check`` only compares; exit status 1 when
the files are not current).
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

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

EXTENSION = Path(__file__).resolve().parents[1] / "editors" / "vscode"
MANIFEST = EXTENSION / "package.json"
STRINGS = EXTENSION / "package.nls.json"

_OWN = re.compile(r"cloudops\.(server|suggest|trace)\.")
_SECTION = "configuration."
_MACHINE = frozenset({"assistant", "estate.organization_role"})
"""Sections and settings that no folder may set: they decide where text or credentials go."""


def documents() -> dict[Path, str]:
    """Return what both files shall hold."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    strings = json.loads(STRINGS.read_text(encoding="utf-8"))
    settings, descriptions = _settings()
    section = manifest["contributes"]["configuration"]
    own = {name: value for name, value in section["properties"].items() if _OWN.match(name)}
    section["properties"] = {**own, **settings}
    manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"] = sorted(
        name for name, value in settings.items() if value["scope"] != "machine"
    )
    kept = {
        key: text
        for key, text in strings.items()
        if not key.startswith(_SECTION) or _OWN.match("cloudops." + key.removeprefix(_SECTION))
    }
    return {MANIFEST: _text(manifest), STRINGS: _text({**kept, **descriptions})}


def _text(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _settings() -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    settings: dict[str, dict[str, Any]] = {}
    descriptions: dict[str, str] = {}
    docs = _docstrings()

    def add(model: type[BaseModel], prefix: str) -> None:
        schema = model.model_json_schema()
        definitions = schema.get("$defs", {})
        for name, field in model.model_fields.items():
            path = f"{prefix}{name}"
            if path in config.NOT_FROM_EDITORS:
                continue
            if isinstance(field.default, config._Section):
                add(type(field.default), f"{path}.")
                continue
            described = docs.get((model.__name__, name))
            if described is None:
                raise SystemExit(f"{model.__name__}.{name} has no docstring to describe it")
            setting = _setting(schema["properties"][name], definitions, field, path)
            key = f"{_SECTION}{path}"
            descriptions[key] = _markdown(described)
            setting["markdownDescription"] = f"%{key}%"
            _describe_values(setting, key, field, docs, descriptions)
            settings[f"cloudops.{path}"] = setting

    add(config.Settings, "")
    return settings, descriptions


def _setting(
    schema: dict[str, Any], definitions: dict[str, Any], field: FieldInfo, path: str
) -> dict[str, Any]:
    """Return a property of the manifest: JSON Schema as far as the settings editor shows it."""
    branches = [_resolved(one, definitions) for one in schema.get("anyOf", [schema])]
    merged: dict[str, Any] = {}
    for one in branches:
        merged |= {key: one[key] for key in one if key not in ("title", "default", "description")}
    kinds = [one["type"] for one in branches]
    setting = {
        "type": kinds[0] if len(kinds) == 1 else kinds,
        **{key: value for key, value in merged.items() if key != "type"},
    }
    default = field.default
    # As npm writes numbers, which rewrites the file now and then.
    whole = isinstance(default, float) and default.is_integer()
    setting["default"] = (
        list(default) if isinstance(default, tuple) else int(default) if whole else default
    )
    is_machine = path in _MACHINE or path.split(".")[0] in _MACHINE
    setting["scope"] = "machine" if is_machine else "window"
    return setting


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    return {**definitions[reference.rpartition("/")[2]], **schema}


def _describe_values(
    setting: dict[str, Any],
    key: str,
    field: FieldInfo,
    docs: dict[tuple[str, str], str],
    descriptions: dict[str, str],
) -> None:
    """Say what each value of an enumeration means."""
    setting.pop("$ref", None)
    if "enum" not in setting:
        return
    kind = type(field.default)
    described = []
    for member in kind:
        text = docs.get((kind.__name__, member.name))
        if text is None:
            raise SystemExit(f"{kind.__name__}.{member.name} has no docstring to describe it")
        descriptions[f"{key}.{member.value}"] = _markdown(text)
        described.append(f"%{key}.{member.value}%")
    setting["markdownEnumDescriptions"] = described
    setting["default"] = field.default.value


def _docstrings() -> dict[tuple[str, str], str]:
    """Return the docstrings of attributes, by class and name."""
    found = {}
    for node in ast.parse(inspect.getsource(config)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for attribute, text in pairwise(node.body):
            match attribute, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name))
                    | ast.Assign(targets=[ast.Name(id=name)]),
                    ast.Expr(value=ast.Constant(value=str(docstring))),
                ):
                    found[node.name, name] = " ".join(inspect.cleandoc(docstring).split())
    return found


def _markdown(text: str) -> str:
    return text.replace("``", "`")


def main(arguments: list[str]) -> int:
    """Write the settings, or check that they are current; return the exit status."""
    wanted = documents()
    if "--check" in arguments:
        stale = [path for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
        for path in stale:
            sys.stderr.write(f"{path} is not what {Path(__file__).name} would write\n")
        return 1 if stale else 0
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
