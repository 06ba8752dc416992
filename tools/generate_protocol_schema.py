"""Writes ``docs/protocol.schema.json`` from the models of ``cloudops_ls.assistant.protocol``.

Usage: ``python tools/generate_protocol_schema.py`` (``--check`` only compares; exit status 1 when
the file is not current).
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from cloudops_ls.assistant import protocol

SCHEMA = Path(__file__).resolve().parents[1] / "docs" / "protocol.schema.json"


def schema_text() -> str:
    """Return the schema of everything that is sent as one JSON document."""
    models = (
        protocol.AssistantRequest,
        protocol.CommandsReply,
        protocol.InformationReply,
        protocol.ClarificationReply,
        protocol.Delta,
        protocol.Capabilities,
    )
    _, schema = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}"
    )
    definitions: dict[str, Any] = schema["$defs"]
    reply = protocol.REPLY.json_schema(ref_template="#/$defs/{model}")
    del reply["$defs"]
    definitions["Reply"] = reply
    _describe(definitions)
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"CloudOps assistant protocol {protocol.PROTOCOL}",
        "description": "See protocol.md. AssistantRequest is what a server receives, Reply what "
        "it answers, Delta the data of an event in between, Capabilities what it says of itself.",
        "$ref": "#/$defs/Reply",
        "$defs": definitions,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _describe(definitions: dict[str, Any]) -> None:
    """Add the models' attribute docstrings.

    pydantic can do it too, but when the models are imported: 15 ms at every start.
    """
    for node in ast.parse(inspect.getsource(protocol)).body:
        if not isinstance(node, ast.ClassDef) or node.name not in definitions:
            continue
        properties = definitions[node.name].get("properties", {})
        for field, text in pairwise(node.body):
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            match text:
                case ast.Expr(value=ast.Constant(value=str(docstring))):
                    description = inspect.cleandoc(docstring).replace("``", "`")
                    properties[field.target.id]["description"] = description


def main(arguments: list[str]) -> int:
    """Write the schema, or check that it is current; return the exit status."""
    text = schema_text()
    if "--check" in arguments:
        current = SCHEMA.exists() and SCHEMA.read_text(encoding="utf-8") == text
        return 0 if current else 1
    SCHEMA.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
