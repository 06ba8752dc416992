from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudops_ls.commands.approval import ApprovalBook, ApprovalError, approval_digest
from cloudops_ls.commands.model import AccessLevel, CheckedCommand, Risk, RiskLevel

URI = "file:///friday.cloudops.md"
CHECKED = CheckedCommand(
    text="aws s3 ls",
    argv=("aws", "s3", "ls", "--profile", "p", "--region", "r"),
    service="s3",
    operation="ls",
    command="s3 ls",
    parameters={},
    profile="p",
    region="r",
    account_id="1",
    account_alias=None,
    access=AccessLevel.READ,
    reveals_secret=False,
    risk=Risk(level=RiskLevel.LOW),
)
DIGEST = approval_digest(CHECKED, URI, 7)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> ApprovalBook:
    return ApprovalBook(lifetime=60.0, clock=clock)


def test_an_approval_works_once(book: ApprovalBook) -> None:
    approval = book.grant(DIGEST)
    book.use(approval.token, DIGEST)
    with pytest.raises(ApprovalError, match="already used"):
        book.use(approval.token, DIGEST)


def test_an_approval_expires(book: ApprovalBook, clock: Clock) -> None:
    approval = book.grant(DIGEST)
    clock.now += 60.0
    with pytest.raises(ApprovalError, match="expired"):
        book.use(approval.token, DIGEST)


def test_an_approval_is_for_one_thing_and_a_wrong_try_spends_it(book: ApprovalBook) -> None:
    approval = book.grant(DIGEST)
    with pytest.raises(ApprovalError, match="changed"):
        book.use(approval.token, approval_digest(CHECKED, URI, 8))
    with pytest.raises(ApprovalError):
        book.use(approval.token, DIGEST)


def test_nobody_else_can_make_one_up(book: ApprovalBook) -> None:
    with pytest.raises(ApprovalError):
        book.use("", DIGEST)
    with pytest.raises(ApprovalError):
        ApprovalBook().use(book.grant(DIGEST).token, DIGEST)


@pytest.mark.parametrize(
    "change",
    [
        {"argv": (*CHECKED.argv, "--debug")},
        {"argv": ("aws", "s3", "ls --profile", "p", "--region", "r")},
        {"profile": "q"},
        {"profile": None},
        {"region": "s"},
        {"account_id": "2"},
        {"account_id": None},
    ],
)
def test_the_digest_changes_with_whatever_decides_what_runs(change: dict[str, object]) -> None:
    assert approval_digest(CHECKED.model_copy(update=change), URI, 7) != DIGEST


def test_the_digest_is_bound_to_the_document_and_its_version() -> None:
    assert approval_digest(CHECKED, URI + "x", 7) != DIGEST
    assert approval_digest(CHECKED, URI, 8) != DIGEST
    assert approval_digest(CHECKED.model_copy(), URI, 7) == DIGEST


def test_of_many_threads_only_one_gets_to_use_it(book: ApprovalBook) -> None:
    approval = book.grant(DIGEST)

    def attempt(_: int) -> bool:
        try:
            book.use(approval.token, DIGEST)
        except ApprovalError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(64))) == 1
