"""What resources are made with: clients of one account, and what is known of each for sure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TRUST = '{"Version": "2012-10-17", "Statement": []}'
TAGS = [{"Key": "env", "Value": "test"}]
LOWER_TAGS = [{"key": "env", "value": "test"}]
TAG_MAP = {"env": "test"}
EXPECTED_TAGS = {"env": "test"}


@dataclass
class Made:
    """What was made: values of the record that are known for sure; `tags` None when untagged."""

    arn: str
    name: str | None = None
    identifier: str | None = None
    state: str | None = None
    tags: dict[str, str] | None = field(default_factory=lambda: dict(EXPECTED_TAGS))
    metadata: dict[str, Any] = field(default_factory=dict)


MAKERS: dict[str, Callable[[Workshop], Made]] = {}


def makes(kind: str) -> Callable[[Callable[[Workshop], Made]], Callable[[Workshop], Made]]:
    def register(maker: Callable[[Workshop], Made]) -> Callable[[Workshop], Made]:
        MAKERS[kind] = maker
        return maker

    return register


class Workshop:
    """Clients of one account and region; makes each type at most once."""

    def __init__(self, client: Callable[[str], Any], account_id: str, region: str) -> None:
        self.client = client
        self.account_id = account_id
        self.region = region
        self._made: dict[str, Made] = {}

    def __getattr__(self, service: str) -> Any:
        return self.client(service.replace("_", "-"))

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{rest}"

    def one(self, kind: str) -> Made:
        if kind not in self._made:
            self._made[kind] = MAKERS[kind](self)
        return self._made[kind]

    def id_of(self, kind: str) -> str:
        made = self.one(kind)
        assert made.identifier is not None
        return made.identifier

    def ec2_tags(self, kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": [*TAGS, {"Key": "Name", "Value": f"one-{kind}"}]}]

    def of_ec2(self, kind: str, one: str, word: str, **more: Any) -> Made:
        tags = {"env": "test", "Name": f"one-{kind}"}
        return Made(
            self.arn("ec2", f"{word}/{one}"),
            **{"name": f"one-{kind}", "identifier": one, "tags": tags, **more},
        )

    def tagged(self, identifier: str, kind: str) -> None:
        self.ec2.create_tags(Resources=[identifier], Tags=self.ec2_tags(kind)[0]["Tags"])


def tagged(w: Workshop, word: str, identifier: str, **more: Any) -> Made:
    """A resource of EC2 that is tagged after it was made."""
    w.tagged(identifier, word)
    return w.of_ec2(word, identifier, more.pop("path", word), **more)
