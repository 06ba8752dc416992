"""Reads the catalog's TOML files into a :class:`Catalog`."""

from __future__ import annotations

import tomllib
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.catalog.model import ResourceType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VOCABULARY = "actions.toml"
"""What stop, start, … mean for every type: title, verbs, access, inverse."""


class Catalog:
    """The resource types this program knows. Immutable.

    Parameters
    ----------
    types
        By name.
    """

    def __init__(self, types: Mapping[str, ResourceType]) -> None:
        self._types = dict(types)

    @classmethod
    def load(cls) -> Catalog:
        """Read the catalog that comes with the package.

        Raises
        ------
        CloudOpsError
            A file is damaged; names the file and the field.
        """
        folder = resources.files(__package__)
        texts = {
            entry.name: entry.read_text(encoding="utf-8")
            for entry in folder.iterdir()
            if entry.name.endswith(".toml")
        }
        return cls.parse(texts)

    @classmethod
    def parse(cls, texts: Mapping[str, str]) -> Catalog:
        """Build a catalog from file names and their texts; ``actions.toml`` must be among them."""
        vocabulary = _toml(VOCABULARY, texts[VOCABULARY])
        types: dict[str, ResourceType] = {}
        for file in sorted(texts.keys() - {VOCABULARY}):
            content = _toml(file, texts[file])
            for name, data in content.get("types", {}).items():
                try:
                    types[name] = ResourceType.model_validate(
                        {
                            "name": name,
                            "service": content.get("service"),
                            **data,
                            "actions": _actions(data, vocabulary),
                        }
                    )
                except ValidationError as error:
                    first = error.errors()[0]
                    place = ".".join(str(part) for part in first["loc"])
                    raise CloudOpsError(
                        f"The type '{name}' is damaged: {place} {first['msg']}", where=file
                    ) from None
        for kind in types.values():
            stray = set(kind.relations.values()) - types.keys()
            if stray:
                raise CloudOpsError(
                    f"The type '{kind.name}' relates to unknown types: {', '.join(sorted(stray))}"
                )
        return cls(types)

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(self._types.values())

    def __len__(self) -> int:
        return len(self._types)

    def __getitem__(self, name: str) -> ResourceType:
        return self._types[name]

    def get(self, name: str) -> ResourceType | None:
        """Return a type by name, None when the catalog (any more) has none."""
        return self._types.get(name)

    def of_service(self, service: str) -> tuple[ResourceType, ...]:
        """Return the types of one SDK service."""
        return tuple(kind for kind in self if kind.service == service)

    def called(self, word: str) -> tuple[ResourceType, ...]:
        """Return the types an operator may mean by a word, singular or plural, any case."""
        folded = word.casefold().strip()
        return self._by_word.get(folded) or self._by_word.get(folded.removesuffix("s"), ())

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word and phrase :meth:`called` knows, in lower case and singular."""
        return frozenset(self._by_word)

    @cached_property
    def _by_word(self) -> dict[str, tuple[ResourceType, ...]]:
        words: dict[str, tuple[ResourceType, ...]] = {}
        for kind in self:
            phrases = {kind.name, kind.title, *kind.synonyms}
            for phrase in {phrase.casefold() for phrase in phrases}:
                words[phrase] = (*words.get(phrase, ()), kind)
        return words


def _actions(data: Mapping[str, Any], vocabulary: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a type's actions by the vocabulary, and add ``describe``."""
    describe = data.get("describe", {})
    own = {
        "describe": {key: describe[key] for key in ("operation", "command") if key in describe},
        **data.get("actions", {}),
    }
    actions = {}
    for name, action in own.items():
        merged = {**vocabulary.get(name, {}), **action}
        if merged.get("inverse") not in own:
            # The vocabulary's inverse counts only where the type has that action too.
            merged["inverse"] = action.get("inverse")
        actions[name] = merged
    return actions


def _toml(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CloudOpsError(f"The catalog file is damaged: {error}", where=file) from None
