"""What tests of bad days have in common: one message, and everything else as before."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.editor import Buffer, Editor

LIST = "```aws\naws rds describe-db-instances\n```\n"
QUESTION = "Stop pg-instance-main1 in us-west-2.\n"
EXPIRED = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code>"
    "<Message>The security token AKIAPLANTED is expired</Message></Error></ErrorResponse>"
)


async def loaded(editor: Editor) -> Editor:
    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    return editor


async def count(editor: Editor) -> int:
    return int((await editor.execute("cloudops.syncStatus"))["resources"])


async def still_well(editor: Editor) -> None:
    """What needs no AWS goes on as before."""
    buffer = editor.open("Stop pg-instance-ma\n\npg-instance-main1\n", "well")
    found = await editor.complete(buffer, buffer.after("Stop pg-instance-ma"))
    assert [item.label for item in found.items] == ["pg-instance-main1"]
    assert "postgres" in (await editor.hover(buffer, buffer.at("main1")) or "")
    editor.close(buffer)


async def fails_once(editor: Editor, buffer: Buffer, needle: str, *words: str) -> str:
    """Run a command that cannot: one message, no question, the file as before."""
    before, text = len(editor.messages), buffer.text
    outcome = await editor.run(buffer, needle)
    assert outcome["status"] == "failed", editor.said()
    assert buffer.text == text
    assert not editor.questions
    return one_message(editor, before, *words)


def one_message(editor: Editor, before: int, *words: str) -> str:
    messages = [message.message for message in editor.messages[before:]]
    assert len(messages) == 1, messages
    for word in words:
        assert word in messages[0], messages[0]
    assert "Traceback" not in messages[0]
    assert "Error(" not in messages[0]
    return messages[0]


async def scan_fails_once(editor: Editor, profile: str, *words: str) -> str:
    before, known = len(editor.messages), await count(editor)
    result = await asyncio.wait_for(
        editor.execute("cloudops.scanEstate", {"profiles": [profile]}), 60
    )
    assert result["status"] in {"failed", "incomplete"}, result
    assert await count(editor) == known, "what could not be listed is not gone"
    return one_message(editor, before, *words)


def with_profiles(
    environment: dict[str, str], folder: Path, config: str, keys: str
) -> dict[str, str]:
    folder.mkdir()
    (folder / "config").write_text(config)
    (folder / "credentials").write_text(keys)
    return {
        **environment,
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
    }


def aws_files(environment: dict[str, str]) -> tuple[str, str]:
    """The texts of the stand-in's profile files."""
    config, keys = environment["AWS_CONFIG_FILE"], environment["AWS_SHARED_CREDENTIALS_FILE"]
    return Path(config).read_text(), Path(keys).read_text()


def one_profile(environment: dict[str, str], folder: Path, endpoint: str) -> dict[str, str]:
    return with_profiles(
        environment,
        folder,
        f"[profile far]\nregion = us-west-2\nendpoint_url = {endpoint}\n",
        "[far]\naws_access_key_id = AKIAPLANTED\naws_secret_access_key = planted\n",
    )


async def useless_but_alive(editor: Editor) -> None:
    """Without a store there is nothing to offer, and no crash either."""
    buffer = editor.open(f"Stop pg-instance-ma\n\n{LIST}", "useless")
    before = len(editor.messages)
    assert (await editor.complete(buffer, buffer.after("instance-ma"))).items == ()
    assert await editor.hover(buffer, buffer.at("Stop")) is None
    assert "Ask CloudOps" in await editor.actions(buffer, buffer.at("Stop"))
    (lens,) = await editor.lenses(buffer)
    assert lens.command is not None
    # What editors ask by themselves pops nothing up.
    assert len(editor.messages) == before, editor.said()
    text = buffer.text
    assert (await editor.ask(buffer, "Stop"))["status"] == "failed"
    one_message(editor, before)
    assert buffer.text == text
    assert editor.process.returncode is None
    assert editor.stderr == b""
