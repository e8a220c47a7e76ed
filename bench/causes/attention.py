"""The graph-attention network in torch_geometric, as it is trained; taihang.model.causes.network reads what it learned.

Needs the extra `graph`: pip install 'taihang[graph]'.
"""

from __future__ import annotations

import numpy as np
import torch
from torch_geometric import nn as graph_nn
from torch_geometric import utils

from taihang.model.causes.network import attention as plain
from taihang.model.causes.network import inputs as graphs

H = plain.HIDDEN


def tensors(given: graphs.Inputs, kind=torch.float32) -> dict:
    return {
        "nodes": torch.tensor(given.nodes, dtype=kind),
        "edges": torch.tensor(given.edges, dtype=kind),
        "table": torch.tensor(given.table, dtype=kind),
        "ends": torch.tensor(np.stack([given.source, given.target])),
        "of": torch.tensor(given.of),
        "real": torch.tensor(given.target < given.real),
    }


def about_mean(columns, centre, scale):
    spread = torch.where(scale <= plain.CONSTANT, torch.inf, scale)
    return torch.nan_to_num((columns - centre) / spread).clamp(-plain.FARTHEST, plain.FARTHEST)


class Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name, size in (("node", graphs.NODE), ("edge", graphs.EDGE), ("table", graphs.CANDIDATE)):
            self.register_buffer(f"{name}_centre", torch.zeros(size))
            self.register_buffer(f"{name}_scale", torch.ones(size))
        self.enter = torch.nn.Linear(graphs.NODE, H)
        for n in range(plain.LAYERS):
            layer = graph_nn.GATv2Conv(H, H // plain.HEADS, plain.HEADS, edge_dim=graphs.EDGE, add_self_loops=False)
            setattr(self, f"gat{n}", layer)
        self.pair = torch.nn.Linear(2 * H + graphs.EDGE, H)
        self.blame, self.nothing, self.occurs = torch.nn.Linear(H, 1), torch.nn.Linear(H, 1), torch.nn.Linear(H, 1)
        self.pool = torch.nn.Linear(graphs.CANDIDATE + 4 + H, H)
        self.edge = torch.nn.Linear(H, 1)

    def forward(self, given: dict):
        scaled = {
            name: about_mean(given[key], getattr(self, f"{name}_centre"), getattr(self, f"{name}_scale"))
            for name, key in (("node", "nodes"), ("edge", "edges"), ("table", "table"))
        }
        source, target = given["ends"]
        hidden = torch.relu(self.enter(scaled["node"]))
        for n in range(plain.LAYERS):
            hidden = hidden + torch.relu(getattr(self, f"gat{n}")(hidden, given["ends"], scaled["edge"]))
        pair = torch.relu(self.pair(torch.cat([hidden[source], hidden[target], scaled["edge"]], 1)))
        nothing = self.nothing(hidden)[:, 0]
        count = len(hidden)
        shares = utils.softmax(
            torch.cat([self.blame(pair)[:, 0], nothing]), torch.cat([target, torch.arange(count)]), num_nodes=count
        )
        parent, alone = shares[: len(target)], shares[len(target) :]
        real, rows = given["real"], len(given["table"])
        of, weight = given["of"][real], parent[real]
        brought = torch.zeros(rows, dtype=weight.dtype).index_add(0, of, weight)
        most = torch.zeros(rows, dtype=weight.dtype).scatter_reduce(0, of, weight, "amax", include_self=True)
        told = torch.zeros(rows, H, dtype=weight.dtype).index_add(0, of, weight[:, None] * pair[real])
        numbers = torch.clamp(10 ** given["table"][:, :2] - 1, min=1)
        pooled = torch.cat(
            [
                scaled["table"],
                torch.stack([torch.log1p(brought), brought / numbers[:, 0], brought / numbers[:, 1], most], 1),
                told / (brought + 0.1)[:, None],
            ],
            1,
        )
        edge = self.edge(torch.relu(self.pool(pooled)))[:, 0]
        return edge, parent, alone, self.occurs(hidden)[:, 0]


def weights(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """As the plain network reads them."""
    return {name: value.detach().double().numpy() for name, value in network.state_dict().items()}
