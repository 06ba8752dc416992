"""A real Emacs with each of its two clients, with the configurations of docs/emacs.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.editors.desk import DATABASE, Desk, state_of
from tests.editors.documented import recipe
from tests.editors.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cloudops_ls.demo.cloud import DemoCloud


HOVER = {"With eglot": "eldoc", "With lsp-mode": "lsp-describe-thing-at-point"}
"""The command that shows the card, by the heading of the client's configuration."""


_EARLY = """\
(setq native-comp-enable-subr-trampolines nil
      native-comp-jit-compilation nil
      package-directory-list '("{packages}"))
"""
"""Where Debian's packages of Emacs are; what compiles in the background would not find its own
files in this place."""


@pytest.fixture(params=list(HOVER))
def heading(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def emacs(heading: str, desk: Desk, installed: Callable[[str], Path]) -> Iterator[Terminal]:
    usr = installed("emacs") / "usr"
    directory = desk.folder("emacs")
    config = directory / "config" / "emacs"
    config.mkdir(parents=True)
    packages = usr / "share" / "emacs" / "site-lisp" / "elpa-src"
    (config / "early-init.el").write_text(_EARLY.format(packages=packages))
    # Without lsp-mode's clients of all other languages: the first runbook would wait for them.
    alone = "(setq lsp-client-packages nil)\n"
    (config / "init.el").write_text(recipe("emacs.md", heading, "elisp") + alone)
    # Unpacked elsewhere than it was built for.
    (lisp,) = usr.glob("share/emacs/*/lisp")
    (libexec,) = usr.glob("libexec/emacs/*/*-linux-*")
    (dump,) = libexec.glob("*.pdmp")
    environment = {
        **desk.environment,
        "EMACSLOADPATH": str(lisp),
        "EMACSDATA": str(lisp.parent / "etc"),
        "EMACSDOC": str(lisp.parent / "etc"),
        "EMACSPATH": str(libexec),
    }
    command = [str(usr / "bin" / "emacs-nox"), f"--dump-file={dump}", "-nw", str(desk.file)]
    with Terminal(directory, command, environment) as terminal:
        if heading == "With lsp-mode":
            terminal.until("is not part of any project")
            terminal.type("i")
            terminal.until("Connected to")
        else:
            terminal.until("now managing")
        yield terminal


def choose(emacs: Terminal, choice: str) -> None:
    """Answer in the minibuffer, where the first choice stands already."""
    emacs.keys("C-a", "C-k")
    emacs.type(choice)
    emacs.keys("Enter")


def test_from_typing_to_the_changed_resource(
    emacs: Terminal, heading: str, cloud: DemoCloud, desk: Desk
) -> None:
    emacs.keys("M-g", "g")
    emacs.type("3")
    emacs.keys("Enter", "C-e")
    emacs.type(" @pg-instance-main")
    # Names complete as soon as the server has read them.
    emacs.insist(rf"Stop {DATABASE}", "C-M-i")
    emacs.type(" before the migration.")

    emacs.keys("M-b", "M-b", "M-b", "C-b", "C-b", "M-x")
    emacs.type(HOVER[heading])
    emacs.keys("Enter")
    emacs.until(r"RDS instance · ")
    emacs.keys("C-x", "1")

    emacs.keys("C-c", "C-a")
    emacs.until(r"> \*\*CloudOps:\*\* `pg-instance-main1`")

    emacs.keys("C-s")
    emacs.type("aws rds stop")
    emacs.keys("Enter", "C-c", "C-r")
    screen = emacs.until(r"Choose an option: Don't run")
    for line in (f"Stop DB instance {DATABASE}?", "Account: acme-production", "Runs: aws rds stop"):
        assert line in screen
    emacs.keys("Enter")
    emacs.until("Choose an option", gone=True)
    assert state_of(cloud) == "available"

    # Until the server has noted the refusal, the command counts as running.
    emacs.insist(r"Choose an option: Don't run", "C-c", "C-r")
    choose(emacs, "Run")
    emacs.until(rf"High risk\. Really run this on {DATABASE}")
    assert state_of(cloud) == "available"
    choose(emacs, f"Run on {DATABASE}")
    emacs.until("status=success")
    assert state_of(cloud) == "stopped"
    emacs.keys("C-x", "C-s")
    emacs.until("Wrote .*friday")
    assert "status=success" in desk.file.read_text()
