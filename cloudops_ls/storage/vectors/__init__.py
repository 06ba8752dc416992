"""Vector search: engines behind one interface, sparse encoding, embeddings."""

import os

# ONNX Runtime tells its maker about every process (onnxruntime 1.32, also on Linux), and its
# `disable_telemetry_events` does not end that: it has to know before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
