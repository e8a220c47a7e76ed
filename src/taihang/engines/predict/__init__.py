"""Predictors: frames in, a table of detections out, whatever does the detecting.

`predictor` is the contract (one page); `loading.load` builds one from `builtin`, `PATH.onnx`, a
hub id or a plug-in's name.
"""
