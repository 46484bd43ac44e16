"""Trains a small language model on bytes; this is the file that the research may change.

The judge calls `train` once, then `begin` with the number of stretches of text that it will tell, and then `predict`
with the next byte of each, which returns 256 weights for the byte to come. All else is free.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._dynamo  # which the first step of an optimizer imports, in a second, in each run anew
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

BYTES = 256
BUDGET = 1.35e10  # floating-point operations of a training: larger models see less text
STEP = 1.5e8  # what a step costs besides its matrix products, so that a training by many small ones takes no longer
HASHED = 2048  # rows of the table of each kind of n-gram
KERNEL = 8  # bytes that a convolution sees

STATE: dict[str, Any] = {}


def start(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:  # noqa: ARG001
    torch.set_num_threads(1)  # runs go side by side
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    text = torch.from_numpy(np.load(inputs / "train.npy").astype(np.int64)).to(device)
    STATE.update(params=params, text=text, device=device, model=Model(params).to(device))


def train() -> int:
    """Train the model on random stretches of the text, for as many steps as the budget has; returns how many."""
    p, text, model = STATE["params"], STATE["text"], STATE["model"]
    context, batch = p["context"], p["batch_size"]
    steps = max(8, int(BUDGET / (STEP + model.operations() * batch * context)))
    optimizer = OPTIMIZERS[p["optimizer"]](model.parameters(), p)
    offsets = torch.arange(context + 2, device=text.device)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(p, step / steps) * RATE[p["optimizer"]]
        begins = torch.randint(len(text) - context - 2, (batch, 1), device=text.device)
        window = text[begins + offsets]
        with torch.autocast("cuda", torch.bfloat16, enabled=text.device.type == "cuda"):
            next_byte, one_further = model(window[:, :context])
            loss = cross_entropy(next_byte, window[:, 1 : context + 1], p["label_smoothing"])
            if p["ahead"] > 0:
                loss = loss + p["ahead"] * cross_entropy(one_further, window[:, 2:], p["label_smoothing"])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return steps


def begin(streams: int) -> None:
    STATE["model"].eval()
    STATE["memory"] = STATE["model"].memory(streams, STATE["device"])


@torch.inference_mode()
def predict(told: NDArray[np.uint8]) -> NDArray[np.float32]:
    byte = torch.from_numpy(told.astype(np.int64)).to(STATE["device"])[:, None]
    logits, _ = STATE["model"](byte, STATE["memory"])
    return torch.softmax(logits[:, 0].float(), dim=-1).cpu().numpy()


class Model(nn.Module):
    """Embeddings of the last bytes, layers that mix over time and over features, two linear heads."""

    def __init__(self, p: dict[str, Any]) -> None:
        super().__init__()
        width = p["width"]
        self.embed = nn.Embedding(BYTES, width)
        self.grams = nn.ModuleList(nn.Embedding(HASHED, width) for _ in range(p["ngrams"]))
        self.layers = nn.ModuleList(Layer(p) for _ in range(p["depth"]))
        self.norm = nn.LayerNorm(width)
        self.head, self.further = nn.Linear(width, BYTES), nn.Linear(width, BYTES)
        for table in (self.embed, *self.grams):
            nn.init.normal_(table.weight, std=0.1 if table is self.embed else 0.02)
        if p["tied"]:
            self.head.weight = self.embed.weight

    def forward(self, text: Tensor, memory: dict[str, Any] | None = None) -> tuple[Tensor, Tensor]:
        """Logits (streams, bytes, 256) for the next byte and the one after it. memory: what came before `text`."""
        past = memory["bytes"] if memory else text.new_full((len(text), len(self.grams)), 10)
        known = torch.cat([past, text], dim=1)
        x = self.embed(text)
        for n, table in enumerate(self.grams, start=2):
            x = x + table(hashed(known, n, text.shape[1]))
        if memory:
            memory["bytes"] = known[:, known.shape[1] - len(self.grams) :]
        for i, layer in enumerate(self.layers):
            x = layer(x, memory["layers"][i] if memory else None)
        x = self.norm(x)
        return self.head(x), self.further(x)

    def memory(self, streams: int, device: str) -> dict[str, Any]:
        first = torch.full((streams, len(self.grams)), 10, device=device)
        return {"bytes": first, "layers": [{} for _ in self.layers]}

    def operations(self) -> int:
        """Of a byte of training: two for each weight that multiplies, three times, for forward and backward."""
        return 6 * sum(w.numel() for m in self.modules() if isinstance(m, nn.Linear) for w in [m.weight])


class Layer(nn.Module):
    """A mixture over time, by attention or by a gated convolution, then one over features."""

    def __init__(self, p: dict[str, Any]) -> None:
        super().__init__()
        width, inner = p["width"], int(p["width"] * p["expansion"])
        self.context, self.heads, self.mixing = p["context"], max(1, width // 32), p["mixing"]
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = nn.Dropout(p["dropout"])
        self.into = nn.Linear(width, 3 * width if self.mixing == "attention" else 2 * width)
        self.kernel = nn.Parameter(torch.randn(width, 1, KERNEL) / KERNEL)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.activation = ACTIVATIONS[p["activation"]]
        self.register_buffer("slopes", 2.0 ** -torch.arange(1, self.heads + 1).float()[:, None, None])

    def forward(self, x: Tensor, memory: dict[str, Tensor] | None) -> Tensor:
        mix = self.attend if self.mixing == "attention" else self.convolve
        x = x + self.dropout(self.out(mix(self.into(self.norms[0](x)), memory)))
        return x + self.dropout(self.down(self.activation(self.up(self.norms[1](x)))))

    def attend(self, x: Tensor, memory: dict[str, Tensor] | None) -> Tensor:
        """Attention to the last bytes, less to those further back (Press, Smith and Lewis's linear biases)."""
        streams, new, _ = x.shape
        query, key, value = x.view(streams, new, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if memory is not None:
            key, value = (
                torch.cat([memory[n], now], 2) if n in memory else now for n, now in (("k", key), ("v", value))
            )
            memory["k"], memory["v"] = key[:, :, -self.context :], value[:, :, -self.context :]
        old = key.shape[2]
        back = torch.arange(old - new, old, device=x.device)[:, None] - torch.arange(old, device=x.device)
        bias = (-self.slopes * back).masked_fill((back < 0) | (back >= self.context), -math.inf).to(x.dtype)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return mixed.transpose(1, 2).reshape(streams, new, -1)

    def convolve(self, x: Tensor, memory: dict[str, Tensor] | None) -> Tensor:
        """Each feature over its last bytes, gated."""
        x, gate = x.transpose(1, 2).chunk(2, dim=1)
        past = memory.get("x") if memory is not None else None
        joined = F.pad(x, (KERNEL - 1, 0)) if past is None else torch.cat([past, x], dim=2)
        if memory is not None:
            memory["x"] = joined[:, :, 1 - KERNEL :]
        return (F.conv1d(joined, self.kernel, groups=len(self.kernel)) * torch.sigmoid(gate)).transpose(1, 2)


def hashed(known: Tensor, n: int, last: int) -> Tensor:
    """For each of the last bytes, the row of the table that it and the n - 1 bytes before it share."""
    code = torch.zeros_like(known[:, -last:])
    for back in range(n):
        end = known.shape[1] - back
        code = code * 257 + known[:, end - last : end]
    return (code * 2654435761 >> 7) % HASHED


def cross_entropy(logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), label_smoothing=smoothing)


def learning_rate(p: dict[str, Any], progress: float) -> float:
    """The rate at `progress`, which goes from 0 to 1 through the training: a linear warm-up, then the schedule."""
    warm = min(1.0, (progress + 1e-3) / p["warmup"]) if p["warmup"] > 0 else 1.0
    return p["learning_rate"] * warm * SCHEDULES[p["schedule"]](progress)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "squared_relu": lambda x: F.relu(x).square(),
}
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
}
OPTIMIZERS: dict[str, Callable[[Any, dict[str, Any]], torch.optim.Optimizer]] = {
    "sgd": lambda weights, p: torch.optim.SGD(weights, momentum=p["momentum"], weight_decay=p["weight_decay"]),
    "adamw": lambda weights, p: torch.optim.AdamW(weights, betas=(p["momentum"], 0.99), weight_decay=p["weight_decay"]),
    "nadam": lambda weights, p: torch.optim.NAdam(
        weights, betas=(p["momentum"], 0.99), weight_decay=p["weight_decay"], decoupled_weight_decay=True
    ),
}
RATE = {"sgd": 30.0, "adamw": 1.0, "nadam": 1.0}  # brings the good rates of all of them into one range
