"""Trains the graph-attention network on generated scenarios: python -m bench.causes.train

Needs the extra `graph`. Stopped, it goes on where it was (`--keep`); what it learned goes into the package with a card
that says from what. The scenarios that score it (bench/causes/scripted.py) are never among those it sees.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from pathlib import Path

import numpy as np
import torch

from bench.causes import attention, scenarios
from taihang.model.causes import book as books
from taihang.model.causes import calibration, candidates, events
from taihang.model.causes.network import inputs as graphs

TARGET = Path(calibration.__file__).parent / "parameters" / "network.json"
BOOK = books.Book.model_validate(books.OPEN)
FIRST, HELD_OUT, BATCH = 200_000, 300_000, 8


def example(seed: int) -> dict:
    """A scenario as the network reads it, with its truth: every fifth has no causes, every fourth is one recording."""
    random = np.random.default_rng((seed, 65_537))
    count = 1 if seed % 4 == 0 else int(random.integers(2, 4)) if seed % 4 == 1 else None
    made = scenarios.scenario(seed, null=seed % 5 == 4, recordings=count)
    line = events.timeline(made.log)
    proposed = candidates.candidates(made.log.kinds, BOOK)
    held = graphs.patterns(line, proposed)
    asked = len(line.kind)
    if not asked:
        return {}
    # Events that never were, as likely as each kind: what tells a time at which something is due from any other.
    ghosts = graphs.Queries(
        random.permutation(line.kind), np.zeros(asked), random.permutation(line.stretch),
        random.permutation(line.place), random.permutation(line.actor),
    )  # fmt: skip
    begun = line.span[ghosts.stretch, 0]
    at = begun + random.random(asked) * (line.span[ghosts.stretch, 1] - begun)
    given = graphs.inputs(line, held, graphs.Queries(ghosts.kind, at, ghosts.stretch, ghosts.place, ghosts.actor))
    flat = events.flat(made.log)
    row = {(flat[int(n)][0], flat[int(n)][1].id): place for place, n in enumerate(line.row)}
    parent = np.full(asked, -1)
    for (recording, id), place in row.items():
        parent[place] = row.get((recording, made.parents.get(id, "")), -1)
    kept = attention.tensors(given)
    truth = np.array([(one.cause, one.effect) in made.edges for one in proposed], np.float32)
    theirs = parent[np.minimum(given.target, asked - 1)] == given.source
    kept["is_parent"] = torch.tensor((theirs & (given.target < asked)).astype(np.float32))
    found = np.zeros(asked)
    np.add.at(found, given.target[(theirs & (given.target < asked))], 1.0)
    kept["alone"] = torch.tensor((found == 0).astype(np.float32))
    kept["truth"], kept["asked"] = torch.tensor(truth), asked
    return kept


def joined(parts: list[dict]) -> dict:
    """Several graphs as one that falls into parts."""
    nodes = np.cumsum([0, *(len(p["nodes"]) for p in parts)])
    rows = np.cumsum([0, *(len(p["table"]) for p in parts)])
    whole = {
        key: torch.cat([p[key] for p in parts])
        for key in ("nodes", "edges", "table", "real", "is_parent", "alone", "truth")
    }
    whole["ends"] = torch.cat([p["ends"] + int(n) for p, n in zip(parts, nodes, strict=False)], 1)
    whole["of"] = torch.cat([p["of"] + int(n) for p, n in zip(parts, rows, strict=False)])
    real = [torch.arange(len(p["nodes"])) < p["asked"] for p in parts]
    whole["occurred"] = torch.cat(real)
    return whole


def loss(network: attention.Network, batch: dict) -> tuple[torch.Tensor, list[float]]:
    edge, parent, alone, occurs = network(batch)
    edges = torch.nn.functional.binary_cross_entropy_with_logits(edge, batch["truth"])
    occurred = batch["occurred"]
    right = batch["is_parent"] > 0
    blame = -(torch.log(parent[right] + 1e-9).sum() + torch.log(alone[occurred][batch["alone"] > 0] + 1e-9).sum())
    blame = blame / occurred.sum()
    due = torch.nn.functional.binary_cross_entropy_with_logits(occurs, occurred.float())
    return edges * 4 + blame + 0.5 * due, [float(part.detach()) for part in (edges, blame, due)]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--scenarios", type=int, default=1600)
    options.add_argument("--rounds", type=int, default=8)
    options.add_argument("--keep", type=Path, default=Path("out/causes-network"), help="a folder to go on from")
    given = options.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    given.keep.mkdir(parents=True, exist_ok=True)
    learned = gathered(range(FIRST, FIRST + given.scenarios), given.keep / "learned.pkl")
    held_out = gathered(range(HELD_OUT, HELD_OUT + 120), given.keep / "held-out.pkl")
    network = attention.Network()
    for name, key in (("node", "nodes"), ("edge", "edges"), ("table", "table")):
        rows = torch.cat([one[key] for one in learned[:200]])
        getattr(network, f"{name}_centre").copy_(rows.mean(0))
        getattr(network, f"{name}_scale").copy_(rows.std(0).clamp(min=1e-3))
    steps = given.rounds * (len(learned) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), 4e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps + 1)
    state, begun, spent = given.keep / "state.pt", 0, 0.0
    if state.exists():
        held = torch.load(state, weights_only=True)
        if held["steps"] == steps:
            network.load_state_dict(held["network"])
            optimiser.load_state_dict(held["optimiser"])
            schedule.load_state_dict(held["schedule"])
            begun, spent = held["round"], held["spent"]
    for number in range(begun, given.rounds):
        since = time.process_time()
        order = np.random.default_rng(number).permutation(len(learned))
        for first in range(0, len(order) - BATCH + 1, BATCH):
            value, _ = loss(network, joined([learned[n] for n in order[first : first + BATCH]]))
            optimiser.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        spent += time.process_time() - since
        with torch.no_grad():
            seen = [loss(network, joined(held_out[n : n + BATCH]))[1] for n in range(0, len(held_out), BATCH)]
        print(number, [round(float(v), 4) for v in np.mean(seen, axis=0)], f"{spent:.0f} s", flush=True)
        part = state.with_suffix(".part")
        torch.save({"network": network.state_dict(), "optimiser": optimiser.state_dict(), "steps": steps,
                    "schedule": schedule.state_dict(), "round": number + 1, "spent": spent}, part)  # fmt: skip
        part.rename(state)
        written(network, given, spent, np.mean(seen, axis=0))


def gathered(seeds: range, path: Path) -> list[dict]:
    """The examples of all seeds, kept in a file once made."""
    if path.exists():
        held = pickle.loads(path.read_bytes())
        if held["seeds"] == (seeds.start, seeds.stop):
            return held["examples"]
    made = [one for one in map(example, seeds) if one]
    path.with_suffix(".part").write_bytes(pickle.dumps({"seeds": (seeds.start, seeds.stop), "examples": made}))
    path.with_suffix(".part").rename(path)
    return made


def written(network: attention.Network, given: argparse.Namespace, spent: float, seen: np.ndarray) -> None:
    held = attention.weights(network)
    count = int(sum(p.numel() for p in network.parameters()))
    card = {
        "name": "gatv2-branching",
        "synthetic": True,
        "what": "two GATv2 layers over events; scores which kinds bring about which; learned from generated logs only",
        "learned_from": f"branching scenarios {FIRST} to {FIRST + given.scenarios - 1}, {given.rounds} rounds",
        "numbers": count,
        "cpu_seconds": round(spent),
        "losses_held_out": {k: round(float(v), 4) for k, v in zip(("edge", "parent", "occurs"), seen, strict=True)},
        "limits": "no real recording was seen; causes that nobody observed are not told from chance",
    }
    plain = {name: [list(v.shape), [float(f"{x:.6g}") for x in v.ravel()]] for name, v in held.items()}
    value = {"card": card, "weights": plain}
    part = TARGET.with_suffix(".part")
    part.write_text(json.dumps(value, separators=(",", ":")) + "\n", encoding="utf-8")
    part.rename(TARGET)


if __name__ == "__main__":
    main()
