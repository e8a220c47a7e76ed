"""Hashes: the ones that anybody else's tool gives for the same bytes."""

from __future__ import annotations

import hashlib
import io

from hypothesis import given
from hypothesis import strategies as st

from taihang.core import ids


@given(st.binary(max_size=4096))
def test_a_stream_and_its_bytes_have_one_digest(data: bytes) -> None:
    assert ids.digest(data) == ids.digest_stream(io.BytesIO(data)) == hashlib.sha256(data).hexdigest()


def test_a_stream_longer_than_one_piece_is_read_to_its_end() -> None:
    data = b"x" * (2 * 1024 * 1024 + 1)
    assert ids.digest_stream(io.BytesIO(data)) == hashlib.sha256(data).hexdigest()


def test_the_canonical_form_is_written_down() -> None:
    assert ids.digest_json({"b": 1, "a": "矿"}) == hashlib.sha256('{"a":"矿","b":1}'.encode()).hexdigest()
