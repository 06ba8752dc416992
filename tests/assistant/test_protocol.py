"""The documentation, the schema and the models say the same."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from cloudops_ls.assistant import protocol
from cloudops_ls.assistant.protocol import REPLY, AssistantRequest, Capabilities, Delta
from cloudops_ls.assistant.timings import HttpTimings

from .requests import found, record, request
from .server import CLARIFICATION, COMMANDS, INFORMATION

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "docs" / "protocol.schema.json").read_text(encoding="utf-8"))
EXAMPLES = re.findall(
    r"^```json (request|reply|delta|capabilities)\n(.*?)^```$", DOCUMENT, re.M | re.S
)
DEFINITIONS = {
    "request": "AssistantRequest",
    "reply": "Reply",
    "delta": "Delta",
    "capabilities": "Capabilities",
}


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "generate_protocol_schema", ROOT / "tools" / "generate_protocol_schema.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(value: Any, what: str) -> None:
    schema = {**SCHEMA, "$ref": f"#/$defs/{DEFINITIONS[what]}"}
    jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(value)


def test_the_schema_is_current() -> None:
    path = ROOT / "docs" / "protocol.schema.json"
    assert generator().schema_text() == path.read_text(encoding="utf-8"), (
        "run python tools/generate_protocol_schema.py"
    )
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_document_shows_everything() -> None:
    assert [kind for kind, _ in EXAMPLES] == [
        "request",
        "delta",
        *["reply"] * 3,
        "capabilities",
    ]
    replies = [json.loads(text)["kind"] for kind, text in EXAMPLES if kind == "reply"]
    assert replies == ["commands", "information", "clarification"]


@pytest.mark.parametrize(("kind", "text"), EXAMPLES, ids=[kind for kind, _ in EXAMPLES])
def test_the_documents_examples_are_valid_and_complete(kind: str, text: str) -> None:
    value = json.loads(text)
    check(value, kind)
    if kind == "request":
        model = AssistantRequest.model_validate_json(text)
        assert json.loads(model.model_dump_json()) == value, "the example shows every field"
    elif kind == "delta":
        Delta.model_validate_json(text)
    elif kind == "capabilities":
        assert Capabilities.model_validate_json(text).model_dump(mode="json") == value
    else:
        assert REPLY.validate_json(text).model_dump(mode="json") == value


def test_the_documents_event_stream_is_valid() -> None:
    (stream,) = re.findall(r"^```text\n(.*?)^```$", DOCUMENT, re.M | re.S)
    events = re.findall(r"^event: (\w+)\ndata: (.*)$", stream, re.M)
    assert [name for name, _ in events] == ["delta", "delta", "reply"]
    for name, data in events:
        check(json.loads(data), name)


def test_the_documents_limits_are_the_real_ones() -> None:
    numbers = dict(re.findall(r"^\| (`?\w[^|]*?) \| (?:1 to )?([\d,]+)[^|]*\|$", DOCUMENT, re.M))
    limits = {name: int(number.replace(",", "")) for name, number in numbers.items()}
    timings = HttpTimings()
    assert {
        "`prompt`": protocol.MAX_PROMPT,
        "`identified_resources`": protocol.MAX_RESOURCES,
        "the whole answer, events and line ends included": protocol.MAX_ANSWER_BYTES,
        "`text`, `question`": protocol.MAX_TEXT,
        "`steps`": protocol.MAX_STEPS,
        "`command`": protocol.MAX_COMMAND,
        "`reason`": protocol.MAX_REASON,
        "`choices`": protocol.MAX_CHOICES,
        "`label`": protocol.MAX_LABEL,
        "connecting": int(timings.connect),
        "silence within an answer": int(timings.silence),
        "the whole exchange, retries included": int(timings.total),
    } == limits
    assert f"{timings.attempts} attempts in all" in DOCUMENT
    assert f"{timings.longest_pause:g} seconds; a longer one" in DOCUMENT


def test_what_the_client_sends_follows_the_schema() -> None:
    sent = request(identified_resources=(found(record()),))
    check(json.loads(sent.model_dump_json()), "request")


@pytest.mark.parametrize(
    "reply",
    [
        COMMANDS | {"kind": "poem"},
        {"text": "x"},
        INFORMATION | {"steps": []},
        COMMANDS | {"steps": []},
        COMMANDS | {"steps": [{"command": "aws s3 ls", "reason": "x"}] * 51},
        CLARIFICATION | {"choices": [{"label": ""}]},
        CLARIFICATION | {"choices": [{"label": "x", "score": 1}]},
        INFORMATION | {"text": "x" * (protocol.MAX_TEXT + 1)},
    ],
)
def test_schema_and_models_refuse_the_same(reply: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(reply, "reply")
    with pytest.raises(ValueError, match=r"validation error|Unable to extract tag"):
        REPLY.validate_python(reply)


def test_a_later_clients_request_can_still_be_read() -> None:
    value = json.loads(request().model_dump_json()) | {"mood": "hopeful"}
    check(value, "request")
    AssistantRequest.model_validate(value)
