"""Near-duplicates beside datasketch: recall and precision on planted edits, CPU time, memory.

Short texts (80 to 180 letters, Chinese and English halves) of random words; one in ten has a near copy: words
changed, dropped or added and letters mistyped, in all at most 5% of its letters, beside case, punctuation and spaces.
Hard negatives share half of their words with another text. A pair counts as right when it was planted, or
when its exact Jaccard similarity reaches the threshold (nothing else in the set was made alike, so these are few).

datasketch gets the same shingles as bytes, the same number of hash functions and the same bands. It answers with
candidates, which are counted as they are and after the same exact check.

    python bench/near_duplicates.py [--texts 100000] [--alone]      # --alone: without datasketch, for 1 million

Where datasketch is in another environment: PYTHONPATH=src python …, with it on the path.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from taihang.data.quality.text import duplicates, letters, minhash

BATCH = 8192
HAN = [chr(c) for c in range(0x4E00, 0x4E00 + 3000)]


def vocabulary(chance: random.Random, english: bool) -> list[str]:
    if english:
        return ["".join(chance.choices("etaoinshrdlucmfwypvbgkjqxz", k=chance.randint(2, 9))) for _ in range(20_000)]
    return ["".join(chance.choices(HAN, k=chance.choice([1, 2, 2, 2, 3]))) for _ in range(20_000)]


def sentence(chance: random.Random, words: list[str], english: bool) -> list[str]:
    size = chance.randint(14, 32) if english else chance.randint(40, 90)
    # Zipf-like: low numbers are frequent.
    return [words[int(len(words) ** chance.random()) - 1] for _ in range(size)]


def spelled(chance: random.Random, parts: list[str], english: bool) -> str:
    made = []
    for part in parts:
        made.append(part)
        if chance.random() < 0.08:
            made.append("," if english else "，")
    return (" ".join(made) if english else "".join(made)) + ("." if english else "。")


def edited(chance: random.Random, parts: list[str], words: list[str], english: bool) -> str:
    """A copy with words changed, dropped and added and letters mistyped: at most 5% of the letters, at least one."""
    parts = list(parts)
    left = max(1, int(0.05 * (sum(map(len, parts)) + (len(parts) if english else 0))))
    ever = False
    while left > 0 and (not ever or chance.random() < 0.6):
        at, what = chance.randrange(len(parts)), chance.randrange(5)
        new = words[chance.randrange(len(words))]
        cost = (0, 1, max(len(parts[at]), len(new)), len(parts[at]), len(new))[what]
        if cost > left:
            continue
        left, ever = left - max(1, cost), True
        if what == 0:
            parts[at] = parts[at].upper() + ("!" if english else "！")
        elif what == 1:
            place = chance.randrange(len(parts[at]))
            letter = chance.choice("abcdefgh" if english else HAN)
            parts[at] = parts[at][:place] + letter + parts[at][place + 1 :]
        elif what == 2:
            parts[at] = new
        elif what == 3:
            del parts[at]
        else:
            parts.insert(at, new)
    return spelled(chance, parts, english)


def texts(count: int, seed: int) -> Iterator[tuple[str, int]]:
    """Texts with the number of their family: near copies share one."""
    chance = random.Random(seed)
    both = {english: vocabulary(chance, english) for english in (False, True)}
    family, waiting = 0, []
    while family < count:
        english = chance.random() < 0.5
        words = both[english]
        parts = sentence(chance, words, english)
        yield spelled(chance, parts, english), family
        if chance.random() < 0.1:
            waiting.append((edited(chance, parts, words, english), family))
        elif chance.random() < 0.05:
            other = sentence(chance, words, english)
            half = len(parts) // 2
            yield spelled(chance, parts[:half] + other[half:], english), -family - 1
        while len(waiting) > 1000:
            yield waiting.pop(chance.randrange(len(waiting)))
        family += 1
    yield from waiting


def ours(every: list[str], folder: Path) -> tuple[duplicates.Found, float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    batches = (every[at : at + BATCH] for at in range(0, len(every), BATCH))
    found = duplicates.find(batches, folder)
    return found, time.process_time() - cpu, time.perf_counter() - wall


def score(pairs: set[tuple[int, int]], families: list[int], every: list[str]) -> dict[str, float]:
    groups: dict[int, list[int]] = {}
    for row, family in enumerate(families):
        groups.setdefault(family, []).append(row)
    planted = {(rows[0], rows[1]) for rows in groups.values() if len(rows) == 2}
    odd = sorted(pairs - planted)
    right = len(pairs & planted)
    if odd:
        found = minhash.sets([letters.plain(every[row]) for pair in odd for row in pair], duplicates.SHINGLE)
        sets = [set(found.hashes[a:b].tolist()) for a, b in zip(found.starts, found.starts[1:], strict=False)]
        alike = [len(a & b) / len(a | b) for a, b in zip(sets[::2], sets[1::2], strict=True)]
        right += sum(s >= duplicates.THRESHOLD for s in alike)
    return {
        "planted": len(planted),
        "recall": round(len(pairs & planted) / max(1, len(planted)), 5),
        "precision": round(right / max(1, len(pairs)), 5),
        "found": len(pairs),
    }


def theirs(every: list[str], bands: minhash.Bands, verified: bool) -> tuple[set[tuple[int, int]], float]:
    from datasketch import MinHash, MinHashLSH

    began = time.process_time()
    index = MinHashLSH(num_perm=bands.permutations, params=(bands.bands, bands.rows))
    pairs: set[tuple[int, int]] = set()
    size = duplicates.SHINGLE
    kept: list[set[str]] = []
    for row, text in enumerate(every):
        plain = letters.plain(text) + "\0" * (size - 1)
        shingles = {plain[at : at + size] for at in range(len(plain) - size + 1)}
        made = MinHash(num_perm=bands.permutations)
        made.update_batch([one.encode() for one in shingles])
        for other in index.query(made):
            if not verified or len(shingles & kept[other]) >= duplicates.THRESHOLD * len(shingles | kept[other]):
                pairs.add((other, row))
        index.insert(row, made)
        if verified:
            kept.append(shingles)
    return pairs, time.process_time() - began


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--texts", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=11)
    options.add_argument("--alone", action="store_true")
    given = options.parse_args()
    made = list(texts(given.texts, given.seed))
    every, families = [t for t, _ in made], [f for _, f in made]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory(prefix="taihang-") as folder:
        found, cpu, wall = ours(every, Path(folder))
        disk = sum(p.stat().st_size for p in Path(folder).iterdir()) / 2**20
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pairs = {(int(found.near[row]), row) for row in range(len(every)) if found.near[row] >= 0}
    result = {
        "texts": len(every),
        "taihang": {**score(pairs, families, every), "cpu_s": round(cpu, 2), "wall_s": round(wall, 2),
                    "memory_grew_mb": round(after - before), "disk_mb": round(disk)},
    }  # fmt: skip
    print(json.dumps(result), flush=True)
    if given.alone:
        return
    shape = minhash.Bands()
    for verified in (False, True):
        their, their_cpu = theirs(every, shape, verified)
        result["datasketch checked" if verified else "datasketch"] = {
            **score(their, families, every),
            "cpu_s": round(their_cpu, 2),
            "ratio": round(cpu / their_cpu, 3),
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
