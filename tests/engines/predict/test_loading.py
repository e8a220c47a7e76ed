from __future__ import annotations

import importlib.metadata
import sys
import types

import pytest

from taihang.core import errors
from taihang.engines.predict import loading, registry


@pytest.mark.parametrize("spec", ["", "nothing", "a/b/c", "no such folder/", "é/ü", "builtin:x"])
def test_a_spec_that_nobody_answers_to_lists_who_does(spec):
    with pytest.raises(errors.UserError) as caught:
        loading.load(spec)
    assert "builtin" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("threshold", [0, 1, -3, float("nan")])
def test_a_threshold_lies_between_0_and_1(threshold):
    with pytest.raises(errors.UserError, match="between 0 and 1"):
        loading.load("builtin", threshold=threshold)


def test_two_predictors_cannot_share_a_name():
    with pytest.raises(ValueError, match="builtin"):
        registry.scheme("builtin")(lambda spec, options: None)


def _install(monkeypatch, name, load):
    point = types.SimpleNamespace(name=name, value=f"{name}:module", load=load)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point] if group == registry.GROUP else [])
    monkeypatch.setattr(registry, "BUILDERS", dict(registry.BUILDERS))
    loading.plugins.cache_clear()


def test_a_plug_in_registers_itself_and_gets_the_rest_of_the_spec(monkeypatch):
    seen = []

    def load():
        @registry.scheme("acme")
        def build(spec, options):
            seen.append((spec, options.threads))
            return "the plug-in's predictor"

    _install(monkeypatch, "acme", load)
    assert loading.load("acme:model-7", threads=3) == "the plug-in's predictor"
    assert seen == [("model-7", 3)]
    loading.plugins.cache_clear()


def test_a_broken_plug_in_is_named(monkeypatch):
    def load():
        raise RuntimeError("no licence")

    _install(monkeypatch, "acme", load)
    with pytest.raises(errors.UserError, match=r"acme.*no licence"):
        loading.load("acme:x")
    loading.plugins.cache_clear()


def test_a_hub_model_without_the_extra_gives_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(errors.MissingExtra, match=r"taihang\[hub\]"):
        loading.load("someone/something")
