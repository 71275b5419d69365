"""A network in ONNX Runtime: what a search by the clock, or of one position, calls for its small batches.

For a handful of rows torch spends its time on the way to its kernels, 300 us a call, whatever the arithmetic costs.
ONNX Runtime spends 15, and it is there at once where torch takes a second to import. Many rows are faster in torch's
bfloat16. Measured in docs/what-was-tried.md; `selfplay.network.frozen` decides who is asked.
"""

import numpy as np
import onnxruntime

from selfplay.search.evaluate import Evaluate


def evaluator(content: bytes) -> Evaluate:
    """The network of an ONNX file, in float32, on the core of whoever calls; threads may share it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def evaluate(planes_BPHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits_BA, wdl_B3 = session.run(None, {"planes": planes_BPHW})
        return logits_BA, wdl_B3  # pyright: ignore[reportReturnType] - it may return other than arrays, not here

    return evaluate
