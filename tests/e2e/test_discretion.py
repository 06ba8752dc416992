"""What must not be readable anywhere: secrets, prompts, outputs and names of the estate.

One long session with everything that may happen in it; then every byte that it left behind, on
stderr, in the editor's log and in files, is searched.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudops_ls.demo.cloud import ACCOUNTS, PRODUCTION
from cloudops_ls.storage.vectors.directory import PREFIX
from tests.assistant.server import COMMANDS, Answer, CloudOpsTestServer, event
from tests.e2e.conftest import PASSPHRASE
from tests.e2e.processes import gone, needs_proc, workers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cloudops_ls.demo.cloud import DemoCloud
    from cloudops_ls.home import Home
    from tests.e2e.editor import Editor

TOKEN = "tok-PLANTED-7f3a9c"
SECRET_VALUE = "hunter2-PLANTED-in-aws"
IN_PROMPT = "zebra-quartz"
IN_REPLY = "okapi-velvet"
IN_OUTPUT = "pg-instance-eu1"
ESTATE = ("pg-instance-main1", IN_OUTPUT, "acme-prod-assets", "orders-webhook", "web-public")

RUNBOOK = f"""---
profile: production
region: us-west-2
---

Stop pg-instance-main1 because of the {IN_PROMPT} incident.

What is acme-prod-assets?

Which databases do the {IN_PROMPT} people have?

```aws
aws rds describe-db-instances --region eu-west-1
aws secretsmanager get-secret-value --secret-id {IN_PROMPT}
aws rds stop-db-instance --db-instance-identifier {IN_PROMPT}
aws rds stop-db-instance --db-instance-identifier {IN_PROMPT} | cat
aws rds delete-{IN_PROMPT}
```
"""


def found_in(data: bytes, needles: Iterable[str]) -> set[str]:
    """The needles that some bytes hold, as UTF-8 or UTF-16, in any case."""
    folded = data.lower()
    return {
        needle
        for needle in needles
        if needle.lower().encode() in folded or needle.lower().encode("utf-16-le") in folded
    }


def found_below(folder: Path, needles: Iterable[str]) -> dict[str, set[str]]:
    """The needles in names and contents of all files below a folder."""
    found: dict[str, set[str]] = {}
    needles = list(needles)
    for path in folder.rglob("*"):
        hits = found_in(path.name.encode(), needles)
        if path.is_file():
            hits |= found_in(path.read_bytes(), needles)
        if hits:
            found[str(path)] = hits
    return found


def shared_memory_of(pid: int) -> set[Path]:
    """The directories in shared memory that a process has files open in."""
    places = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = entry.readlink()
            places |= {place for place in target.parents if place.name.startswith(PREFIX)}
    return places


async def run(editor: Editor, buffer: Any, needle: str, *answers: str | None) -> dict[str, Any]:
    editor.answers.extend(answers)
    result = await editor.run(buffer, needle)
    editor.answers.clear()
    return dict(result)


@needs_proc
async def test_a_whole_session_leaves_nothing_readable(
    environment: dict[str, str],
    open_editor: Callable[..., Any],
    home: Home,
    cloud: DemoCloud,
) -> None:
    root = home.root.parent
    for name in ("tmp", "user"):
        (root / name).mkdir()
    aws = root.parent / f"{root.name}-aws"
    aws.mkdir()
    damage = "\n[profile twice]\nregion = us-west-2\n[profile twice]\nregion = eu-west-1\n"
    (aws / "config").write_text(cloud.config_file.read_text() + damage)
    (aws / "credentials").write_text(cloud.credentials_file.read_text())
    keys = re.findall(r"aws_secret_access_key = (\S+)", (aws / "credentials").read_text())
    assert len(keys) == 2

    secrets = cloud.client("secretsmanager", PRODUCTION)
    with contextlib.suppress(secrets.exceptions.ResourceExistsException):
        secrets.create_secret(Name=IN_PROMPT, SecretString=SECRET_VALUE)
    accounts = [text for account in ACCOUNTS for text in (account.account_id, account.alias)]
    never = {*keys, PASSPHRASE, TOKEN, SECRET_VALUE}
    needles = {*never, IN_PROMPT, IN_REPLY, *ESTATE, *accounts}
    # The search finds what is there to be found.
    assert set(keys) <= set.union(*found_below(aws, needles).values())

    with CloudOpsTestServer() as server:
        http = {"kind": "http", "url": server.url}
        editor = await open_editor(
            {
                **environment,
                "AWS_CONFIG_FILE": str(aws / "config"),
                "AWS_SHARED_CREDENTIALS_FILE": str(aws / "credentials"),
                "CLOUDOPS_ASSISTANT_TOKEN": TOKEN,
                "TMPDIR": str(root / "tmp"),
                "HOME": str(root / "user"),
            },
            settings={"profile": "production", "region": "us-west-2"},
        )
        await editor.until(lambda: "name index loaded" in editor.logged(), "names loaded")
        buffer = editor.open(RUNBOOK)

        # Looking
        found = await editor.complete(buffer, buffer.after("Stop pg-instance"))
        await editor.completion_item_resolve_async(found.items[0])
        assert await editor.hover(buffer, buffer.at("main1"))
        assert await editor.hover(buffer, buffer.at("acme-prod"))
        await editor.lenses(buffer)
        assert await editor.execute("cloudops.searchResources", {"query": ESTATE[0]})
        await editor.execute("cloudops.searchResources", {"query": f"the {IN_PROMPT} database"})
        await editor.execute("cloudops.searchResources", {"query": IN_PROMPT, "filters": {"x": 1}})
        await editor.execute("cloudops.resourceDetails", {"arn": IN_PROMPT})
        (worker,) = workers_of(home)
        memory = shared_memory_of(worker)

        # Asking, well and badly
        assert (await editor.ask(buffer, "Stop"))["status"] == "answered"
        assert (await editor.ask(buffer, "Which"))["status"] == "answered"
        editor.configure({"profile": "production", "region": "us-west-2", "assistant": http})
        reply = {**COMMANDS, "text": f"It is the {IN_REPLY} one, {IN_OUTPUT}."}
        for answer in (
            Answer(reply=reply, deltas=(IN_REPLY, IN_PROMPT)),
            Answer(raw=[event("reply", f"{{{IN_REPLY}")], content_type="text/event-stream"),
            Answer(reply={"kind": IN_REPLY, "text": IN_REPLY}),
            Answer(status=500, raw=[IN_REPLY.encode()]),
            Answer(deltas=(IN_REPLY,), drop=True),
        ):
            server.script(answer)
            await editor.ask(buffer, "What is")
        assert IN_REPLY in buffer.text
        assert any(TOKEN in one.headers["authorization"] for one in server.requests)

        # Running, well and badly
        result = await run(editor, buffer, "aws rds describe", "Run")
        assert result["status"] == "success", editor.said()
        assert IN_OUTPUT in buffer.text
        yes = ("Run", "Run on secretsmanager get-secret-value")
        result = await run(editor, buffer, "aws secretsmanager", *yes)
        assert result["status"] == "success", editor.said()
        stop = f"aws rds stop-db-instance --db-instance-identifier {IN_PROMPT}"
        result = await run(editor, buffer, stop, "Run", "Run on rds stop-db-instance")
        assert result["status"] == "failed"
        assert (await run(editor, buffer, f"{stop} |"))["status"] == "failed"
        assert (await run(editor, buffer, "aws rds delete"))["status"] == "failed"

        # The worker dies, another one scans
        os.kill(worker, signal.SIGKILL)
        await gone({worker}, 5)
        await editor.until(lambda: "process stopped" in editor.said(), "the loss was noticed")
        scan = await editor.execute("cloudops.scanEstate", {"profiles": ["production", "twice"]})
        assert scan["resources"] > 20
        (second,) = workers_of(home)
        memory |= shared_memory_of(second)

        # An editor that sends rubbish, with names in it
        for body in (
            b'{"jsonrpc":"2.0","id":9001,"method":"textDocument/hover","params":{"x":"%s"}}',
            b'{"jsonrpc":"2.0","id":9002,"method":"no/such","params":{"x":"%s"}}',
            b'{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"x":"%s"}}',
            b'{"jsonrpc":"2.0","id":9003,"method":"workspace/executeCommand",'
            b'"params":{"command":"%s"}}',
            b'{"jsonrpc":"2.0",%s',
        ):
            body = body.replace(b"%s", IN_PROMPT.encode())
            editor.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        assert await editor.hover(buffer, buffer.at("main1"))

        # While it is all open
        assert found_below(root, needles) == {}
        assert await editor.quit() == 0
    assert not await gone({second}, 20)

    assert editor.stderr == b""
    assert found_in(editor.logged().encode(), needles) == set()
    assert found_in(editor.said().encode(), never) == set()
    assert found_in(home.log.read_bytes(), needles) == set()
    assert found_below(root, needles) == {}
    # What was in shared memory has gone with the last worker, the killed one's included.
    assert memory, "the search index was not where it was looked for"
    assert not [place for place in memory if place.exists()]
    # Nothing was lost: the whole output of what ran is still there for its owner.
    shown = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cloudops_ls", "executions", "list"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await shown.communicate()
    assert out.count(b"success") == 2
    assert out.count(b"failed") == 1
