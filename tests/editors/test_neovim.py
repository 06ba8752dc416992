"""A day with a runbook in real Neovims, with the configurations of docs/neovim.md."""

from __future__ import annotations

import os
import re
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.processes import command_line, descendants
from tests.e2e.slow_aws import SlowAws
from tests.editors.desk import DATABASE, RUNBOOK, Desk, state_of
from tests.editors.documented import PLUGIN, recipe
from tests.editors.neovim import Neovim

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloudops_ls.demo.cloud import DemoCloud

RECIPES = {"neovim": "Neovim 0.11 and later", "neovim-0.10": "Neovim 0.10"}
CHOOSE = "Type number and"
"""How Neovim's own vim.ui.select asks."""

IDLE = "vim.tbl_isempty(vim.lsp.get_clients({ name = 'cloudops_ls' })[1].requests)"
"""Whether the server has answered everything."""


@pytest.fixture(params=list(RECIPES))
def release(request: pytest.FixtureRequest, installed: Callable[[str], Path]) -> str:
    installed(request.param)
    return str(request.param)


@pytest.fixture
def start(desk: Desk, installed: Callable[[str], Path]) -> Callable[..., Neovim]:
    """Start a Neovim on the desk's runbook; the test closes it."""

    def started(release: str = "neovim", *, more: str = "", name: str = "vim") -> Neovim:
        init = recipe("neovim.md", RECIPES[release], "lua") + more
        program = installed(release) / "usr" / "bin" / "nvim"
        return Neovim(program, desk.folder(name), init, desk.file, desk.environment)

    return started


def ready(vim: Neovim) -> None:
    """Wait until the server knows the estate."""
    vim.until_lua("#vim.lsp.get_clients({ name = 'cloudops_ls' }) == 1")
    vim.until_lua(
        "#((vim.tbl_values(vim.lsp.buf_request_sync(0, 'workspace/symbol', "
        "{ query = 'pg-instance-main1' }, 5000) or {})[1] or {}).result or {}) > 0"
    )


def choose(vim: Neovim, label: str) -> None:
    """Answer vim.ui.select with the last choice that a pattern describes."""
    screen = vim.until(rf"(?s)\n\d+: {label}.*{CHOOSE}[^\n]*:$")
    (*_, number) = re.findall(rf"^(\d+): {label}", screen, re.MULTILINE)
    vim.type(number)
    vim.keys("Enter")


def servers(vim: Neovim) -> list[int]:
    return [pid for pid in descendants(vim.pid) if "cloudops-ls" in command_line(pid)]


def test_from_typing_to_the_changed_resource(
    release: str, start: Callable[..., Neovim], cloud: DemoCloud, desk: Desk
) -> None:
    with start(release) as vim:
        ready(vim)

        vim.type("3GA pg-inst")
        vim.keys("C-x", "C-o")
        vim.until(r"pg-instance-main1 +.*rds_instance")
        vim.keys("C-y")
        vim.type(" before the migration.")
        vim.keys("Escape")
        assert "\nStop pg-instance-main1 before the migration.\n" in vim.text()

        vim.type("3G0wl")
        vim.ex("lua vim.lsp.buf.hover()")
        vim.until(r"RDS instance · .*available")

        vim.ex("CloudOpsAsk")
        vim.until_text("> **CloudOps:** `pg-instance-main1`")
        text = vim.until_text("```aws\naws rds stop-db-instance")
        assert text.endswith(RUNBOOK.partition("Stop\n")[2])

        # Refused: the whole preview was on the screen, and nothing happened.
        vim.ex("/^aws rds stop")
        vim.ex("CloudOpsRun")
        screen = vim.until(CHOOSE)
        assert "Stop DB instance pg-instance-main1?" in screen
        for line in ("Account: acme-production (123456789012)", "Risk: high", "Runs: aws rds stop"):
            assert f"\n{line}" in screen
        choose(vim, "Don't run\\n")
        vim.until_lua(IDLE)

        # High risk: the name is typed, and a wrong one does not count.
        vim.ex("CloudOpsRun")
        choose(vim, "Run\\n")
        vim.until(r'High risk\. Type "pg-instance-main1"')
        assert state_of(cloud) == "available"
        vim.type("pg-instance-main")
        vim.keys("Enter")
        vim.until("That is not the name")
        assert state_of(cloud) == "available"
        vim.type("pg-instance-main1")
        vim.keys("Enter")
        vim.until_text("status=success")
        assert state_of(cloud) == "stopped"

        # What takes it back is known, asked about like any other, and left.
        vim.ex("CloudOpsUndo")
        vim.until(f"(?s)Start DB instance {DATABASE}.*{CHOOSE}")
        choose(vim, "Don't run\\n")
        vim.until_lua(IDLE)
        assert state_of(cloud) == "stopped"

        # A hover is asked once: only when the new state has arrived.
        vim.until_lua("#vim.diagnostic.get(0) > 0")
        vim.type("/^aws rds stop.*identifier ./e")
        vim.keys("Enter")
        vim.ex("lua vim.lsp.buf.hover()")
        vim.until(r"RDS instance · .*stopped")
        vim.ex("w")
        vim.until_lua("not vim.bo.modified")
        assert desk.file.read_text() == vim.text()


def test_a_question_waits_while_somebody_types(
    start: Callable[..., Neovim], cloud: DemoCloud
) -> None:
    with start() as vim:
        ready(vim)
        vim.ex("/^. aws rds")
        command = f"$ aws rds stop-db-instance --db-instance-identifier {DATABASE}"
        vim.lua("vim.fn.setline('.', _A[1])", command)
        vim.ex("CloudOpsRun")
        vim.type("i")
        vim.until("waits for your answer: :CloudOpsConfirm")
        vim.keys("Escape")
        vim.ex("CloudOpsConfirm")
        choose(vim, "Don't run\\n")
        vim.until_lua(IDLE)
        assert state_of(cloud) == "available"


def test_every_list_and_what_can_be_done_with_it(
    start: Callable[..., Neovim], cloud: DemoCloud, desk: Desk
) -> None:
    with start() as vim:
        ready(vim)
        vim.type("3GA ")
        vim.keys("Escape")
        vim.ex("CloudOpsResources type:rds_instance pg-analytics")
        choose(vim, "pg-analytics")
        choose(vim, "Mention in the runbook")
        mentioned = "[pg-analytics](arn:aws:rds:us-west-2:123456789012:db:pg-analytics)"
        vim.until_text(f"Stop {mentioned}")
        vim.ex("CloudOpsResources pg-analytics")
        choose(vim, "pg-analytics")
        choose(vim, "Show details")
        vim.until("### `pg-analytics`")
        vim.type("q")
        vim.until("### `pg-analytics`", gone=True)

        vim.ex("/^. aws rds")
        vim.ex("CloudOpsRun")
        choose(vim, "Run\\n")
        vim.until_text("status=success")
        vim.ex("CloudOpsExecutions")
        choose(vim, "success")
        choose(vim, "Show output")
        vim.until(r"profile production, region us-west-2, account 123456789012")
        vim.type("q")

        vim.ex("3")
        vim.ex("CloudOpsAsk")
        vim.until_text("> **CloudOps:**")
        vim.ex("CloudOpsConversations")
        choose(vim, r"\d{4}-")
        choose(vim, "Export")
        choose(vim, "markdown")
        vim.until("Export to: ")
        vim.keys("C-u")
        exported = desk.file.parent / "said.md"
        vim.type(str(exported))
        vim.keys("Enter")
        vim.until("exported to")
        vim.keys("Enter")
        assert mentioned in exported.read_text()

        vim.ex("CloudOpsAccounts")
        choose(vim, "  staging")
        choose(vim, "Use it")
        vim.until("runbooks that name no profile now use staging")
        assert vim.lua("vim.fn.getcompletion('CloudOpsAccounts ', 'cmdline')") == [
            "production",
            "staging",
        ]
        vim.ex("CloudOpsStatus")
        vim.until(r"123456789012 acme-production: production")
        vim.type("q")

        vim.ex("CloudOpsSync full")
        vim.until(r"synchronised; \d+ resources")

        vim.ex("checkhealth cloudops")
        vim.until(r"running: .*1 runbooks")
        assert "ERROR" not in vim.screen()

        shutil.copytree(PLUGIN / "doc", manual := desk.folder("manual") / "doc")
        vim.lua("vim.cmd.helptags(_A[1]) or true", str(manual))
        tags = (manual / "tags").read_text()
        for command in vim.lua("vim.tbl_keys(require('cloudops.commands').descriptions())"):
            assert f":{command}\tcloudops.txt\t" in tags
        vim.ex(f"set rtp^={manual.parent}")
        vim.ex("help :CloudOpsAsk")
        vim.until("Send the paragraph at the cursor; the answer is written")


def test_resources_are_found_while_typing_with_telescope(
    start: Callable[..., Neovim], installed: Callable[[str], Path]
) -> None:
    share = installed("neovim") / "usr" / "share"
    more = [f"vim.opt.rtp:append('{share}/neovim-{name}')" for name in ("plenary", "telescope")]
    more.append("vim.g.cloudops = { keymaps = true }")
    with start(more="\n".join(more)) as vim:
        ready(vim)
        vim.type("3GA ")
        vim.keys("Escape")
        vim.type(r"\s")
        vim.until("Results")
        vim.type("pg-")
        vim.until(r"pg-instance-main1 .*rds_instance")
        vim.type("analytics state:available")
        vim.until(r"> pg-analytics +rds_instance · available")
        vim.until(r"### `pg-analytics`")
        vim.keys("Enter")
        choose(vim, "Mention in the runbook")
        vim.until_text("Stop [pg-analytics](arn:aws:rds:us-west-2:123456789012:db:pg-analytics)")
        # A list may be left.
        vim.ex("CloudOpsResources pg-")
        vim.until(r"> pg-")
        vim.keys("Escape", "Escape")
        vim.until_lua("vim.bo.filetype == 'markdown'")


def test_what_takes_long_is_shown_and_cancelled(
    start: Callable[..., Neovim], cloud: DemoCloud, desk: Desk
) -> None:
    slow = SlowAws(cloud.endpoint)
    try:
        slow.configure(desk.environment, cloud.endpoint, desk.folder("slow") / "config")
        with start() as vim:
            ready(vim)
            vim.ex("/^. aws rds")
            vim.ex("CloudOpsRun")
            vim.until(CHOOSE)
            slow.delay = 20
            choose(vim, "Run\\n")
            vim.until(r"Running|aws rds describe-db-instances.*\.\.\.|Connecting")
            vim.until_lua("require('cloudops').status() ~= ''")
            vim.ex("CloudOpsCancel")
            vim.until_text("status=cancelled")
            slow.delay = 0
    finally:
        slow.close()


def test_a_killed_server_comes_back_and_nothing_is_lost(
    start: Callable[..., Neovim], desk: Desk
) -> None:
    with start() as vim:
        ready(vim)
        vim.type("3GA pg-instance-main1, not saved.")
        vim.keys("Escape")
        (server,) = servers(vim)
        os.kill(server, signal.SIGKILL)
        vim.until("quit with exit code 0 and signal 9")
        vim.keys("Enter")
        ready(vim)
        assert servers(vim) != [server]
        assert "Stop pg-instance-main1, not saved." in vim.text()
        vim.ex("3")
        vim.ex("CloudOpsAsk")
        vim.until_text("> **CloudOps:** `pg-instance-main1`")


def test_two_windows_on_one_folder(start: Callable[..., Neovim], cloud: DemoCloud) -> None:
    with start(name="first") as first, start(name="second", more="vim.o.swapfile = false") as other:
        ready(first)
        ready(other)
        first.ex("3")
        first.type("ccpg-instance-main1")
        first.keys("Escape")
        other.ex("3")
        other.type("ccStop pg-instance-main1")
        other.keys("Escape")
        other.ex("CloudOpsAsk")
        other.until_text("aws rds stop-db-instance")
        other.ex("/^aws rds stop")
        other.ex("CloudOpsRun")
        choose(other, "Run\\n")
        other.until("High risk")
        other.type(DATABASE)
        other.keys("Enter")
        other.until_text("status=success")
        assert state_of(cloud) == "stopped"
        # The other window's server has heard of it.
        first.ex("lua vim.lsp.buf.hover()")
        first.until(r"RDS instance · .*stopped")
