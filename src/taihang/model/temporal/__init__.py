"""A light network that tells what goes on in each part of a film: judged by ONNX Runtime, trained with `hub`."""
