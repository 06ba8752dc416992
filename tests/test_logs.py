"""Logs: nothing of what libraries and exceptions say, everything of what this program says."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest

from cloudops_ls import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "pg-instance-main1"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the configured log has written; the test process's own logging is put back."""
    root, pygls = logging.getLogger(), logging.getLogger("pygls")
    ours = logs.logger
    before = (root.handlers[:], root.level, pygls.level, ours.handlers[:], ours.level)
    stream = io.StringIO()
    logs.configure(logging.StreamHandler(stream))
    yield stream
    root.handlers[:], root.level, pygls.level, ours.handlers[:], ours.level = before
    ours.propagate = True
    logging.getLogger("pygls").setLevel(before[2])
    logging.getLogger().setLevel(before[1])


def test_our_own_messages_are_written(written: io.StringIO) -> None:
    logs.logger.info("name index loaded")
    assert written.getvalue().endswith("INFO name index loaded\n")


def test_an_exception_is_its_type_and_places_without_its_text(written: io.StringIO) -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(f"cannot use {SECRET}") from error
    except ValueError:
        logs.logger.exception("hover failed")
    text = written.getvalue()
    assert "hover failed" in text
    assert "ValueError" in text
    assert __file__ in text
    assert SECRET not in text


@pytest.mark.parametrize("name", ["pygls.protocol", "botocore", "httpx", "sqlalchemy", "keyring"])
def test_nothing_of_the_libraries_is_written(
    written: io.StringIO, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    library = logging.getLogger(name)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        library.log(level, "saw %s", SECRET)
    assert written.getvalue() == ""
    out, err = capfd.readouterr()
    assert SECRET not in out + err
