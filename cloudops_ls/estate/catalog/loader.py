"""Reads the catalog's TOML files into a :class:`Catalog`."""

from __future__ import annotations

import tomllib
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.arns import arn_parts, arn_pattern
from cloudops_ls.estate.catalog.completed import completed
from cloudops_ls.estate.catalog.model import PARENT, ResourceType

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Mapping

VOCABULARY = "actions.toml"
"""What stop, start, … mean for every type: title, verbs, access, inverse."""


class Catalog:
    """The resource types this program knows. Immutable.

    Parameters
    ----------
    types
        By name.
    action_titles
        What actions are called that several types have, by name, the commonest first.
    """

    def __init__(
        self, types: Mapping[str, ResourceType], action_titles: Mapping[str, str] | None = None
    ) -> None:
        self._types = dict(types)
        self.action_titles = dict(action_titles or {})

    @classmethod
    def load(cls, variants: Iterable[str] = ()) -> Catalog:
        """Read the catalog that comes with the package.

        Parameters
        ----------
        variants
            ``resource_explorer``: what no file knows is listed through AWS Resource Explorer
            instead of the tagging API.

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
        return cls.parse(texts, variants)

    @classmethod
    def parse(cls, texts: Mapping[str, str], variants: Iterable[str] = ()) -> Catalog:
        """Build a catalog from file names and their texts; ``actions.toml`` must be among them.

        Parameters
        ----------
        variants
            Which files of other ways to list a type count; their types replace those of the
            same name.
        """
        vocabulary = _toml(VOCABULARY, texts[VOCABULARY])
        files = {file: _toml(file, texts[file]) for file in sorted(texts.keys() - {VOCABULARY})}
        files = {
            file: content
            for file, content in files.items()
            if content.get("variant") in (None, *variants)
        }
        types = _Assembly(files, vocabulary).types()
        for kind in types.values():
            stray = set(kind.relations.values()) - types.keys()
            if stray:
                raise CloudOpsError(
                    f"The type '{kind.name}' relates to unknown types: {', '.join(sorted(stray))}"
                )
        titles = {name: str(meaning.get("title", name)) for name, meaning in vocabulary.items()}
        return cls(types, titles)

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

    def of_arn(self, arn: str) -> tuple[ResourceType, ...]:
        """Return the types whose ARNs look like ``arn``, the most exact match first."""
        service, resource = arn_parts(arn)
        patterns = self._by_arn_service.get(service, ())
        return tuple(kind for pattern, kind in patterns if pattern.fullmatch(resource))

    def called(self, word: str) -> tuple[ResourceType, ...]:
        """Return the types an operator may mean by a word, singular or plural, any case."""
        folded = word.casefold().strip()
        singular = [folded, folded.removesuffix("s"), folded.removesuffix("es")]
        if folded.endswith("ies"):
            singular.append(f"{folded[:-3]}y")
        head, of, rest = folded.partition(" for ")
        if of:
            singular.append(f"{head.removesuffix('s')}{of}{rest}")
        return next((self._by_word[one] for one in singular if one in self._by_word), ())

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word and phrase :meth:`called` knows, in lower case and singular."""
        return frozenset(self._by_word)

    @cached_property
    def _by_arn_service(self) -> dict[str, list[tuple[re.Pattern[str], ResourceType]]]:
        """Patterns of the resource part by the ARN's service, the most exact ones first."""
        patterns: dict[str, list[tuple[re.Pattern[str], ResourceType]]] = {}
        for kind in sorted(self, key=lambda kind: -len(kind.arn_pattern)):
            if not kind.generic:
                service, _, resource = kind.arn_pattern.partition(":")
                patterns.setdefault(service, []).append((arn_pattern((resource,)), kind))
        return patterns

    @cached_property
    def _by_word(self) -> dict[str, tuple[ResourceType, ...]]:
        words: dict[str, tuple[ResourceType, ...]] = {}
        for kind in self:
            phrases = {kind.name, kind.title, *kind.synonyms}
            for phrase in {phrase.casefold() for phrase in phrases}:
                words[phrase] = (*words.get(phrase, ()), kind)
        return words


class _Assembly:
    """Puts the types of parsed files together; parents before what is listed for each of them."""

    def __init__(self, files: Mapping[str, dict[str, Any]], vocabulary: Mapping[str, Any]) -> None:
        self._data = {
            name: (file, completed(name, data, content, vocabulary))
            for file, content in sorted(files.items(), key=lambda item: "variant" in item[1])
            for name, data in content.get("types", {}).items()
        }
        self._types: dict[str, ResourceType] = {}

    def types(self) -> dict[str, ResourceType]:
        known = tuple(
            sorted(
                str(data.get("arn_pattern"))
                for _, data in self._data.values()
                if not data.get("generic")
            )
        )
        for _, data in self._data.values():
            if data.get("generic"):
                data["other_arns"] = known
        return {name: self._type(name) for name in self._data}

    def _type(self, name: str) -> ResourceType:
        if name in self._types:
            return self._types[name]
        file, data = self._data[name]
        try:
            kind = ResourceType.model_validate({**data, **self._for_each(data)})
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise CloudOpsError(
                f"The type '{name}' is damaged: {place} {first['msg']}", where=file
            ) from None
        self._types[name] = kind
        return kind

    def _for_each(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return what ``for_each`` stands for: the parent, and a field that relates to it."""
        for field, parent in data.get("for_each", {}).items():
            name, _, by = parent.partition(".")
            if name not in self._data or name == data["name"]:
                raise CloudOpsError(
                    f"The type '{data['name']}' is listed for each '{name}', which is no type"
                )
            return {
                "for_each": {"field": field, "parent": self._type(name), "by": by},
                "metadata": {field: PARENT, **data.get("metadata", {})},
                "relations": {field: name, **data.get("relations", {})},
            }
        return {}


def _toml(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CloudOpsError(f"The catalog file is damaged: {error}", where=file) from None
