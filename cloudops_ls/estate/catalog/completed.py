"""Completes a type's data by what its file, the vocabulary and AWS's own conventions say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore import xform_name

from cloudops_ls.estate.arns import arn_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

CLI_SERVICES = {"s3": "s3api", "codedeploy": "deploy", "config": "configservice"}
"""The AWS CLI's word for a service where it is not the SDK's."""
_CALL = frozenset({"service", "operation", "params"})
"""What the vocabulary says of a call holds only for types that name no operation themselves."""
_FIELD = re.compile(r"\{\w+\}")


def completed(
    name: str,
    data: Mapping[str, Any],
    file: Mapping[str, Any],
    vocabulary: Mapping[str, Any],
) -> dict[str, Any]:
    """Return all that ``data`` means.

    Parameters
    ----------
    data
        A ``[types.<name>]`` table.
    file
        The file it stands in: ``service`` and ``defaults`` hold for each of its types.
    vocabulary
        What actions mean whatever the type.
    """
    service = file.get("service", "")
    # A type that says where its tags are wants nothing of the file's other way to them.
    other = {"tags": "tags_call", "tags_call": "tags"}
    merged: dict[str, Any] = {
        "name": name,
        "service": service,
        **{
            key: value
            for key, value in file.get("defaults", {}).items()
            if other.get(key) not in data
        },
    }
    for key, value in data.items():
        default = merged.get(key)
        merged[key] = {**default, **value} if isinstance(default, dict) else value
    if not merged.get("tags", True):
        del merged["tags"]
    if "list" in merged:
        listing = {
            key: merged["list"][key] for key in ("operation", "items") if key in merged["list"]
        }
        describe = {**listing, **merged.get("describe", {})}
        if "operation" in describe:
            describe.setdefault("command", _command(service, describe))
        merged["describe"] = describe
    arn = str(merged.get("arn", ""))
    if arn.startswith("arn:"):
        merged.setdefault("arn_pattern", _FIELD.sub("*", ":".join(arn_parts(arn))))
    merged["actions"] = _actions(merged, vocabulary)
    return merged


def _actions(data: Mapping[str, Any], vocabulary: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a type's actions by the vocabulary, and add ``describe``."""
    describe = data.get("describe", {})
    own = {
        "describe": {key: describe[key] for key in ("operation", "command") if key in describe},
        **data.get("actions", {}),
    }
    if not data.get("global") and ("tags" in data or "tags_call" in data):
        # The tagging API tags nearly everything that is in a region.
        own = {**own, "tag": own.get("tag", {}), "untag": own.get("untag", {})}
    actions = {}
    for name, action in own.items():
        if action is False:
            continue
        meant = vocabulary.get(name, {})
        if "operation" in action:
            meant = {key: value for key, value in meant.items() if key not in _CALL}
        merged = {**meant, **action}
        if merged.get("inverse") not in own:
            # The vocabulary's inverse counts only where the type has that action too.
            merged["inverse"] = action.get("inverse")
        if "operation" in merged:
            merged.setdefault("command", _command(merged.get("service", data["service"]), merged))
        merged.pop("params", None)
        actions[name] = merged
    return actions


def _command(service: str, call: Mapping[str, Any]) -> str:
    """Return the AWS CLI command of a call, as a template."""
    words = ["aws", CLI_SERVICES.get(service, service), xform_name(call["operation"], "-")]
    for name, value in call.get("params", {}).items():
        option = f"--{xform_name(name, '-')}"
        if value is False:
            words.append(option.replace("--", "--no-", 1))
        elif value is True:
            words.append(option)
        elif value == "{identifiers}" or value == "{arns}":
            words += [option, value.replace("s}", "}")]
        else:
            words += [option, *map(_word, value if isinstance(value, list) else [value])]
    return " ".join(words)


def _word(value: Any) -> str:
    """Return a parameter's value in the CLI's shorthand."""
    if isinstance(value, dict):
        return ",".join(f"{key}={_word(part)}" for key, part in value.items())
    return str(value)
