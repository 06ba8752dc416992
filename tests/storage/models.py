"""A real ONNX sentence model, tiny: every word has a fixed direction, synonyms share theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

DIM = 16
MEANINGS = (
    ("postgres", "postgresql", "relational", "rds", "database"),
    ("lambda", "function", "serverless"),
    ("bucket", "s3", "storage", "objects"),
    ("production", "prod", "live"),
    ("staging", "preprod"),
)


def install_model(models: Path, name: str = "tiny", dim: int = DIM) -> Path:
    """Write a model for fastembed to ``models``/``name`` and return its directory."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from tokenizers import Tokenizer, normalizers, pre_tokenizers
    from tokenizers import models as kinds

    directory = models / name
    directory.mkdir(parents=True)
    vocabulary = {"[PAD]": 0, "[UNK]": 1}
    vectors = [np.zeros(dim), np.zeros(dim)]
    for axis, words in enumerate(MEANINGS):
        for word in words:
            vocabulary[word] = len(vocabulary)
            vectors.append(np.eye(dim)[axis])
    table = np.array(vectors, np.float32)
    # Unknown words point somewhere too, so that no text has a zero vector.
    table[1, -1] = 0.05
    tokenizer = Tokenizer(kinds.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "config.json").write_text('{"pad_token_id": 0}')
    (directory / "tokenizer_config.json").write_text(
        '{"model_max_length": 128, "pad_token": "[PAD]"}'
    )
    (directory / "special_tokens_map.json").write_text('{"pad_token": "[PAD]"}')
    axes = ["batch", "sequence"]
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
        "tiny",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, axes),
            helper.make_tensor_value_info("attention_mask", TensorProto.INT64, axes),
        ],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*axes, dim])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(directory / "model.onnx"))
    (directory / "model.toml").write_text(f'file = "model.onnx"\ndim = {dim}\npooling = "mean"\n')
    return directory
