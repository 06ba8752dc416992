"""What an operator reads before saying yes."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from cloudops_ls.commands.impact import principal_in_words
from cloudops_ls.commands.model import RiskLevel
from cloudops_ls.commands.references import FILE_PREFIXES
from cloudops_ls.estate.untrusted import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.commands.impact import Impact, Neighbour, Touched
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.commands.verdict import Verdict
    from cloudops_ls.storage.resource import Resource

_NAMED_IN_TITLE = 3
_LONGEST_LINE = 1000
_LINE_ENDS = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")
_NAMED_NEIGHBOURS = 4
_ACRONYMS = frozenset(
    {"acl", "ami", "api", "arn", "aws", "cpu", "db", "dns", "ebs", "efs", "iam", "id", "ip", "kms"}
    | {"mfa", "nat", "sg", "sns", "sqs", "ssh", "ssl", "tls", "url", "vpc", "vpn"}
)


class Preview(BaseModel):
    """A confirmation in plain text; no Markdown, since any client may show it."""

    model_config = ConfigDict(frozen=True)

    title: str
    """One line: what happens to what."""
    lines: tuple[str, ...]
    """Everything else, most important first."""
    subject: str
    """What is typed back, or named by the second question, before something of high risk runs."""
    place: str
    """Account and region, in a few words."""
    risk: RiskLevel
    undo: str | None
    dry_run: bool
    """Whether a dry run can be made first."""
    files: tuple[str, ...] = ()
    """Local files whose content becomes a parameter (``file://``, ``fileb://``): each command that
    has some is asked about them separately, after everything else."""

    @property
    def about_files(self) -> str:
        """The separate question."""
        return (
            f"The command reads {' and '.join(self.files)} on this computer and may send it to "
            "AWS. Let it?"
        )


def preview(
    checked: CheckedCommand,
    impact: Impact,
    *,
    verdict: Verdict | None = None,
    notes: Sequence[str] = (),
) -> Preview:
    """Describe what a checked command will do.

    Parameters
    ----------
    impact
        What it touches and what hangs on that, as things are now.
    verdict
        What the policy says, where it was asked.
    notes
        What else is known, such as how a dry run ended; comes first.
    """
    account = _account(checked)
    region = checked.region or "the profile's region"
    lines = [*notes, f"Account: {account}"]
    lines.append(f"As: {principal_in_words(impact.principal) if impact.principal else 'not known'}")
    lines.append(f"Profile: {checked.profile or 'default'}")
    lines.append(f"Region: {checked.region or 'as the profile is configured'}")
    lines += [f"Affects: {_described(each)}" for each in impact.touched]
    if not impact.touched:
        lines.append("Affects: nothing that the estate knows")
    if checked.access.mutates and impact.touched:
        lines.append(f"Depends on it: {_listed(impact.dependents) or 'nothing that is known'}")
        if impact.refers_to:
            lines.append(f"It refers to: {_listed(impact.refers_to)}")
    lines.append(f"Access: {checked.access.value}")
    lines.append(f"Risk: {checked.risk.level.value}")
    lines += [f"- {reason}" for reason in checked.risk.reasons]
    lines += [
        f"Note: {problem.what}" + (f". {problem.fix}" if problem.fix else "")
        for problem in checked.problems
    ]
    if verdict is not None and verdict.rule is not None:
        lines.append(f"Policy: {verdict.reason}")
    if checked.access.mutates:
        lines.append(f"Undo: {impact.undo or 'no inverse command is known'}")
        lines.append(f"Dry run: {'possible' if impact.dry_run else 'this call has none'}")
    # Names, tags and AWS's own words may be anybody's: each stays within its line.
    shown = [visible(line, _LONGEST_LINE) for line in lines]
    shown.append(f"Runs: {_LINE_ENDS.sub('⏎', shlex.join(checked.argv))}")
    return Preview(
        title=_title(checked, impact.resources),
        lines=tuple(shown),
        subject=_subject(checked, impact.resources),
        place=visible(
            f"{checked.account_alias or checked.account_id or 'an unknown account'}, {region}"
        ),
        risk=checked.risk.level,
        undo=impact.undo,
        dry_run=impact.dry_run is not None,
        files=tuple(
            visible(each.location, _LONGEST_LINE)
            for each in checked.files
            if each.location.startswith(FILE_PREFIXES)
        ),
    )


def plan_preview(steps: Sequence[tuple[tuple[int, str], Preview | None]]) -> Preview:
    """Describe several steps that are approved at once.

    Parameters
    ----------
    steps
        Number and text of each step, and its preview; None for one whose values come from another
        step, which is asked about by itself.
    """
    known = [(number, text, shown) for (number, text), shown in steps if shown is not None]
    risk = max((shown.risk for _, _, shown in known), key=lambda each: each.rank, default=None)
    high = [shown.subject for _, _, shown in known if shown.risk is RiskLevel.HIGH]
    lines = []
    for (number, text), shown in steps:
        if shown is None:
            lines += [
                f"{number}. Filled in from an earlier step, and asked about then: "
                f"{' '.join(text.split())}"
            ]
            continue
        lines.append(f"{number}. {shown.title} ({shown.place})")
        # The title says what, the place where; what is left is the risk, the undo and the words.
        wanted = ("Affects: ", "Depends on it: ", "Risk: ", "- ", "Note: ", "Undo: ", "Runs: ")
        lines += [f"   {line}" for line in shown.lines if line.startswith(wanted)]
    places = list(dict.fromkeys(shown.place for _, _, shown in known))
    count = f"{len(known)} step{'s' if len(known) != 1 else ''}"
    return Preview(
        title=f"Run {count} one after the other, without asking again",
        lines=tuple(lines),
        subject=", ".join(dict.fromkeys(high)) if 0 < len(high) <= _NAMED_IN_TITLE else count,
        place=" and ".join(places),
        risk=risk or RiskLevel.LOW,
        undo=None,
        dry_run=False,
        files=tuple(dict.fromkeys(file for _, _, shown in known for file in shown.files)),
    )


def in_words(command: str) -> str:
    """Return the CLI's words for an operation as an English phrase.

    >>> in_words("rds stop-db-instance")
    'Stop DB instance'
    """
    service, _, operation = command.partition(" ")
    if service == "s3":
        return f"s3 {operation}"
    words = [
        word.upper() if word in _ACRONYMS else word for word in operation.replace("-", " ").split()
    ]
    phrase = " ".join(words)
    return phrase[:1].upper() + phrase[1:]


def _title(checked: CheckedCommand, resources: Sequence[Resource]) -> str:
    names = [visible(resource.name) for resource in resources[:_NAMED_IN_TITLE]]
    more = len(resources) - len(names)
    if more:
        names.append(f"{more} more")
    subject = f" {', '.join(names)}" if names else ""
    return f"{in_words(checked.command)}{subject}"


def _subject(checked: CheckedCommand, resources: Sequence[Resource]) -> str:
    if not resources:
        return checked.command
    if len(resources) > _NAMED_IN_TITLE:
        return f"{len(resources)} resources"
    return ", ".join(visible(resource.name) for resource in resources)


def _account(checked: CheckedCommand) -> str:
    if checked.account_id is None:
        return "not known"
    if checked.account_alias is None:
        return checked.account_id
    return f"{checked.account_alias} ({checked.account_id})"


def _described(touched: Touched) -> str:
    resource = touched.resource
    kind = resource.resource_type.replace("_", " ")
    state = f", {resource.state}" if resource.state else ""
    seen = "" if touched.live else f", as of {resource.last_synced:%Y-%m-%d %H:%M} UTC"
    named = (
        resource.name
        if resource.name == resource.identifier
        else f"{resource.name} ({resource.identifier})"
    )
    if touched.gone:
        return f"{named}, {kind}, does not exist any more, {resource.region}"
    return f"{named}, {kind}{state}, {resource.region}{seen}"


def _listed(neighbours: Sequence[Neighbour]) -> str:
    """Return how many of each type there are, and the first names."""
    if not neighbours:
        return ""
    counts = Counter(each.resource_type for each in neighbours)
    kinds = ", ".join(
        f"{count} {kind.replace('_', ' ')}{'s' if count > 1 else ''}"
        for kind, count in counts.most_common()
    )
    names = [each.name for each in neighbours[:_NAMED_NEIGHBOURS]]
    more = len(neighbours) - len(names)
    return f"{kinds}: {', '.join(names)}" + (f" and {more} more" if more else "")
