"""The budget is measured with the model's own tokenizer where its file is there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from cloudops_ls.assistant.history import fit_history
from cloudops_ls.assistant.tokens import EstimatedTokens, token_counter
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.records import Message, Role

from .requests import NOW

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tokenizer(tmp_path: Path) -> str:
    """One token a character, and a truncation that must not count."""
    letters = {chr(code): code for code in range(32, 127)} | {"[UNK]": 0}
    made = Tokenizer(models.WordLevel(letters, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.enable_truncation(4)
    path = tmp_path / "tokenizer.json"
    made.save(str(path))
    return str(path)


def test_a_named_tokenizer_counts(tokenizer: str) -> None:
    counter = token_counter(tokenizer)
    assert counter.name == "tokenizer.json"
    assert counter.count("i-0abc123") == 9
    assert isinstance(token_counter(None), EstimatedTokens)


def test_history_is_fitted_and_cut_in_tokens(tokenizer: str) -> None:
    history = [
        Message(role=Role.USER, content=str(n) * 40, timestamp=NOW + timedelta(minutes=n))
        for n in range(5)
    ]
    counter = token_counter(tokenizer)
    fitted = fit_history(history, (), 160, counter)
    assert [turn.content[0] for turn in fitted.turns] == ["1", "2", "3", "4"]
    assert fitted.omitted == 1
    long = Message(role=Role.USER, content="start " + "x" * 100_000 + " end", timestamp=NOW)
    (turn,) = fit_history([long], (), 320, counter).turns
    assert turn.content.startswith("start ") and turn.content.endswith(" end")
    assert 40 < counter.count(turn.content) <= 80


@pytest.mark.parametrize("content", [None, b"{}", b"\xff", b'{"model": 1}'])
def test_a_file_that_is_no_tokenizer_is_one_clear_error(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CloudOpsError, match="tokenizer of the model cannot be used") as caught:
        token_counter(str(path))
    assert caught.value.where == str(path)
    assert "an estimate is used" in str(caught.value)
