"""A network for a few positions at a time: what a search by the clock, or of one position, calls.

For a handful of rows torch spends its time on the way to its kernels, 300 us a call, whatever the arithmetic costs.
onnxruntime spends 15, and it is there at once where torch takes a second to import. Many rows are faster in torch's
bfloat16. Measured in docs/what-was-tried.md.
"""

import numpy as np
import onnxruntime

from selfplay.search.evaluate import Evaluate

FEW = 16  # rows up to which onnxruntime is faster, on one core


def few(content: bytes) -> Evaluate:
    """The network of an ONNX file, in float32, on the core of whoever calls; threads may share it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def evaluate(planes_BPHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits_BA, wdl_B3 = session.run(None, {"planes": planes_BPHW})
        return logits_BA, wdl_B3  # pyright: ignore[reportReturnType] - it may return other than arrays, not here

    return evaluate


def by_rows(few_rows: Evaluate, many_rows: Evaluate) -> Evaluate:
    """One `Evaluate` of two: the first for up to `FEW` rows, the second for more."""

    def evaluate(planes_BPHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (few_rows if len(planes_BPHW) <= FEW else many_rows)(planes_BPHW)

    return evaluate
