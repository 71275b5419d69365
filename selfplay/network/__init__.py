"""A network as a module, as weights, and as a fast evaluator (torch, ONNX Runtime)."""
