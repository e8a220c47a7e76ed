from __future__ import annotations

import importlib.resources
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from taihang.rules import rulebook

PUBLISHED = Path(__file__).resolve().parents[2] / "docs/schema/rulebook.schema.json"


def test_the_published_schema_is_the_one_in_use() -> None:
    made = json.dumps(rulebook.schema(), ensure_ascii=False, indent=2) + "\n"
    assert PUBLISHED.read_text(encoding="utf-8") == made, (
        "run: python -m taihang.rules.schema > docs/schema/rulebook.schema.json"
    )


def test_the_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(rulebook.schema())


@pytest.mark.parametrize("name", rulebook.shipped())
def test_shipped_rulebooks_load_and_follow_the_schema(name: str) -> None:
    book = rulebook.load(name)
    assert book.rules or book.templates
    file = importlib.resources.files(rulebook.SHIPPED).joinpath(name + rulebook.SUFFIX)
    plain = yaml.safe_load(file.read_text(encoding="utf-8"))
    jsonschema.validate(plain, rulebook.schema())


def test_only_a_book_that_extends_another_may_name_half_a_rule() -> None:
    both = {"zh": "", "en": ""}
    half = {"taihang": "rules/1", "id": "b", "version": "1", "title": both, "rules": [{"id": "r", "level": "red"}]}
    jsonschema.validate({**half, "extends": ["other"]}, rulebook.schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(half, rulebook.schema())
