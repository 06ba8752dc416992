"""What a resource type is: everything the program knows about it, as validated data.

The TOML files beside this module are the data; ``docs/decisions/0005-estate-catalog.md`` says why
they look the way they do. All expressions are JMESPath over one raw item of the list or describe
call; all templates are ``{field}`` texts over :data:`TEMPLATE_FIELDS`.
"""

from __future__ import annotations

import string
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

TEMPLATE_FIELDS = frozenset(
    {"identifier", "name", "arn", "account_id", "region", "partition", "rooted"}
)
"""What every template may use; a type's templates may use its metadata fields as well.

``rooted`` is the identifier with exactly one slash before it, as in the ARNs of SSM parameters.
"""
ARN_PARTS = "parts"
"""Key of each raw item of a generic type: see :func:`cloudops_ls.estate.arns.arn_fields`."""
PARENT = "parent"
"""Key of each raw item that was listed per parent (``for_each``)."""
LIST_FIELDS = {"{identifiers}": "identifier", "{arns}": "arn"}
"""Parameter values that stand for a list of one field's values over a batch of items."""


def fields_of(*templates: object) -> frozenset[str]:
    """Return the fields that templates use, also those within lists and objects.

    Raises
    ------
    ValueError
        A text is no template.
    """
    names: set[str] = set()
    for template in templates:
        if isinstance(template, str):
            if template not in LIST_FIELDS:
                parsed = string.Formatter().parse(template)
                names |= {name for _, name, _, _ in parsed if name is not None}
        elif isinstance(template, list):
            names |= fields_of(*template)
        elif isinstance(template, dict):
            names |= fields_of(*template.values())
    return frozenset(names)


def _template(text: str) -> str:
    fields_of(text)
    return text


Template = Annotated[str, AfterValidator(_template)]


class Access(StrEnum):
    """What an action does to the resource."""

    READ = "read"
    WRITE = "write"
    DESTRUCTIVE = "destructive"


class Input(StrEnum):
    """What an action needs to be told beside its resource."""

    COUNT = "count"
    KEY = "key"
    VALUE = "value"
    MOMENT = "moment"
    """Not asked for: the time, as part of a name that must be new, ``20261125-0304``."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Call(_Data):
    """One API operation.

    Attributes
    ----------
    params
        Its parameters; texts in them are templates, ``{identifiers}`` and ``{arns}`` lists.
    items
        JMESPath from the response to the list of raw items.
    add
        Fields (templates) added to each raw item, for what the answer leaves out.
    missing
        Error codes that say "does not exist"; for a list call, that its parent does not.
    token
        Field of request and answer that leads to the next page, where the SDK has no paginator.
    """

    operation: str
    params: dict[str, JsonValue] = Field(default_factory=dict)
    items: str
    add: dict[str, Template] = Field(default_factory=dict)
    missing: tuple[str, ...] = ()
    token: str | None = None


class DescribeCall(Call):
    """How to ask for known resources of the type.

    Attributes
    ----------
    command
        The AWS CLI command that shows one, as a template; ``--region`` is added by the caller.
    batch
        How many resources one call takes; above 1 the parameters use ``{identifiers}`` or
        ``{arns}``.
    detail
        The list call tells little more than names: each listed item is described as well.
    """

    command: Template
    batch: int = Field(1, ge=1)
    detail: bool = False


class TagsCall(Call):
    """How to ask for tags where list and describe do not return them.

    Attributes
    ----------
    items
        JMESPath to the tags; with ``key``, to a list of objects that hold ``Tags`` per resource.
    batch
        How many resources one call takes.
    key
        With ``batch`` above 1: the field of an object that holds the resource's ARN.
    tags
        With ``key``: JMESPath from such an object to its tags.
    absent
        Error codes that say "no tags".
    """

    batch: int = Field(1, ge=1)
    key: str | None = None
    tags: str = "Tags"
    absent: tuple[str, ...] = ()


def plural(phrase: str) -> str:
    """Return the plural of a type's name, by English spelling: ``IAM policies``."""
    head, of, rest = phrase.partition(" for ")
    if of:
        return f"{plural(head)}{of}{rest}"
    if phrase.endswith(("s", "x", "ch", "sh")):
        return f"{phrase}es"
    if phrase.endswith("y") and phrase[-2:-1] not in "aeiou":
        return f"{phrase[:-1]}ies"
    return f"{phrase}s"


class Action(_Data):
    """Something an operator can do to a resource of a type.

    Attributes
    ----------
    title
        Imperative, for menus: "Stop".
    verbs
        Words operators use for it, lower case.
    service, operation
        The SDK's service, the type's own when None, and its API operation.
    command
        The AWS CLI command as a template, without region and profile.
    from_states
        States it is possible in; empty when the state does not matter.
    to_state
        The state it ends in; None when it changes none.
    inverse
        The action that undoes it.
    blocked_by
        Constraint name to the sentence that says why the action is impossible while it is true.
    notes
        What an operator should know before doing it.
    inputs
        What it must be told; the command uses them as fields.
    """

    title: str
    verbs: tuple[str, ...]
    access: Access
    service: str | None = None
    operation: str
    command: Template
    from_states: tuple[str, ...] = ()
    to_state: str | None = None
    inverse: str | None = None
    blocked_by: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()

    def argv(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """Return the command's words; a value with spaces stays within its word.

        Parameters
        ----------
        values
            One text for each field that the command uses.

        Raises
        ------
        KeyError
            A value is absent: the resource has no such metadata, or an input was not given.
        """
        return tuple(word.format_map(values) for word in self.command.split())

    def obstacle(self, state: str | None, constraints: Mapping[str, object]) -> str | None:
        """Return why the action is impossible for a resource now, or None if it is possible."""
        for name, reason in self.blocked_by.items():
            if constraints.get(name):
                return reason
        if self.from_states and state is not None and state not in self.from_states:
            possible = " or ".join(self.from_states)
            if state == self.to_state:
                return f"It is already {state}."
            return f"It is {state}; this is possible only when it is {possible}."
        return None


class ForEach(_Data):
    """A type is listed once for each resource of another type.

    In the data ``for_each = { cluster = "ecs_cluster.arn" }``: the list call's templates know the
    parent's ARN as ``{cluster}``, raw items hold it as ``parent``, and the records have it as
    their metadata field ``cluster``, which relates to the parent.

    Attributes
    ----------
    field
        What the parent is called.
    by
        ``identifier`` or ``arn``: what names the parent.
    """

    field: str
    parent: ResourceType
    by: Literal["identifier", "arn"]


class ResourceType(_Data):
    """One type of AWS resource.

    Attributes
    ----------
    name
        ``rds_instance``.
    service
        The SDK's service name: ``rds``.
    title
        For people: "RDS instance".
    synonyms
        Lower-case words operators use for it.
    is_global
        Listed once per account (``global = true`` in the data); its region is ``global``.
    endpoint_region
        The only region whose endpoint knows it, where that is not the account's own.
    for_each
        Listed per resource of another type.
    generic
        Stands for any type that the catalog does not have; raw items hold what their ARN says of
        them as ``parts``.
    other_arns
        ARN patterns of all other types, for a generic one: what looks like them is left out.
    identifier, name_from, state, engine, engine_version, tags
        JMESPath over a raw item. ``name_from`` defaults to the ``Name`` tag,
        then the identifier. ``tags`` may give a list of Key/Value pairs in any case, or a map.
    name_after
        The name is what follows the last one of these in ``name_from`` (ARNs, URLs).
    arn
        JMESPath, or a template when it starts with ``arn:``.
    arn_pattern
        What its ARNs look like, as service, colon, resource part, with ``*`` for any text:
        ``rds:db:*``. From the template where ``arn`` is one.
    cloudformation
        What CloudFormation and Cloud Control call it: ``AWS::RDS::DBInstance``.
    gone_states
        States in which AWS still lists what an operator considers deleted.
    metadata
        Field name to JMESPath, for the hover card and for search.
    relations
        Metadata field to the type whose identifiers (or ARNs) it holds.
    permissions
        IAM actions an operator needs for it.
    constraints
        Name to JMESPath; true when the result is neither null, false nor empty.
    console_url
        Path and query of its page in the AWS console, as a template with values URL-quoted.
    """

    name: str
    service: str
    title: str
    synonyms: tuple[str, ...] = ()
    is_global: bool = Field(False, alias="global")
    endpoint_region: str | None = None
    for_each: ForEach | None = None
    generic: bool = False
    other_arns: tuple[str, ...] = ()
    list: Call
    describe: DescribeCall
    tags_call: TagsCall | None = None
    identifier: str
    arn: str
    arn_pattern: str
    cloudformation: str | None = None
    name_from: str | None = None
    name_after: str | None = None
    state: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    tags: str | None = None
    gone_states: tuple[str, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)
    relations: dict[str, str] = Field(default_factory=dict)
    permissions: tuple[str, ...] = ()
    constraints: dict[str, str] = Field(default_factory=dict)
    console_url: Template | None = None
    actions: dict[str, Action] = Field(default_factory=dict)

    @cached_property
    def item_fields(self) -> frozenset[str]:
        """The fields that the type's own calls and ARN need of a raw item."""
        calls = [call for call in (self.describe, self.tags_call) if call is not None]
        used = fields_of(*(call.params for call in calls), *(call.add for call in calls))
        used |= {self.for_each.field} if self.for_each else set()
        return used | (fields_of(self.arn) if self.arn.startswith("arn:") else frozenset())

    @model_validator(mode="after")
    def _coherent(self) -> ResourceType:
        known = TEMPLATE_FIELDS | self.metadata.keys()
        used = self.item_fields | fields_of(self.describe.command, self.console_url or "")
        _check_fields(used, known)
        parent = {self.for_each.field} if self.for_each else set()
        listed = fields_of(self.list.params, self.list.add)
        _check_fields(listed, {"region", "account_id", "partition"} | parent)
        stray = set(self.relations) - set(self.metadata)
        if stray:
            raise ValueError(f"relations of fields that do not exist: {', '.join(sorted(stray))}")
        for name, action in self.actions.items():
            _check_fields(fields_of(action.command), known | set(action.inputs))
            if action.inverse is not None and action.inverse not in self.actions:
                raise ValueError(f"the inverse of '{name}' is no action of the type")
            stray = set(action.blocked_by) - set(self.constraints)
            if stray:
                raise ValueError(f"'{name}' is blocked by unknown constraints: {sorted(stray)}")
        return self


def _check_fields(used: AbstractSet[str], known: AbstractSet[str]) -> None:
    unknown = used - known
    if unknown:
        raise ValueError(f"unknown template fields: {', '.join(sorted(unknown))}")
