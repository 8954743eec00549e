# SPDX-License-Identifier: Apache-2.0
"""GPTBigCode (SantaCoder's architecture) in a screen: multi-query attention, learned positions, tied head.

Parameters are float32; every product runs on bfloat16 copies. Query, key and value are separate parameters
because the optimiser orthogonalises them separately; export.py joins them as the file format wants.
"""

import dataclasses
import math

import torch
from torch import nn
from torch.nn import functional as F

import kernels

HALF = torch.bfloat16
BLOCK = 256  # queries of attention worked on at once


@dataclasses.dataclass(frozen=True)
class Shape:
    vocabulary: int = 8192
    positions: int = 1024
    width: int = 256
    layers: int = 6
    head: int = 64  # width of one head

    @property
    def heads(self):
        return self.width // self.head


def norm(x, layer):
    if x.dtype == HALF:
        return kernels.LayerNorm.apply(x, layer.weight, layer.bias)
    return F.layer_norm(x, x.shape[-1:], layer.weight, layer.bias, layer.eps)


def linear(x, layer):
    return F.linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype))


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.heads, self.head = shape.heads, shape.head
        self.norm_1 = nn.LayerNorm(shape.width)
        self.query = nn.Linear(shape.width, shape.width)
        self.key = nn.Linear(shape.width, shape.head)
        self.value = nn.Linear(shape.width, shape.head)
        self.out = nn.Linear(shape.width, shape.width)
        self.norm_2 = nn.LayerNorm(shape.width)
        self.up = nn.Linear(shape.width, 4 * shape.width)
        self.down = nn.Linear(4 * shape.width, shape.width)

    def attention(self, x):
        batch, length, width = x.shape
        # One key/value head: the heads of one position are consecutive rows of a single product.
        query = linear(x, self.query).view(batch, length * self.heads, self.head)
        key, value = linear(x, self.key), linear(x, self.value)
        scale = 1.0 / math.sqrt(self.head)
        # In blocks of queries, so that keys after a block are never multiplied.
        mixed = []
        for first in range(0, length, BLOCK):
            last = min(first + BLOCK, length)
            scores = torch.bmm(query[:, first * self.heads: last * self.heads], key[:, :last].transpose(1, 2))
            if x.dtype == HALF:
                weights = kernels.CausalSoftmax.apply(scores, self.heads, first, scale)
            else:
                position = torch.arange(first, last).repeat_interleave(self.heads)
                later = torch.arange(last)[None, :] > position[:, None]
                weights = (scores * scale).masked_fill(later, -math.inf).softmax(-1)
            mixed.append(torch.bmm(weights, value[:, :last]))
        return linear(torch.cat(mixed, 1).view(batch, length, width), self.out)

    def forward(self, x):
        x = x + self.attention(norm(x, self.norm_1))
        hidden = linear(norm(x, self.norm_2), self.up)
        hidden = kernels.Gelu.apply(hidden) if x.dtype == HALF else F.gelu(hidden, approximate="tanh")
        return x + linear(hidden, self.down)


class Model(nn.Module):
    def __init__(self, shape, seed=0):
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.positions = nn.Embedding(shape.positions, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 2:
                deviation = 0.02 if "tokens" in name or "positions" in name else 1 / math.sqrt(parameter.shape[1])
                if name.endswith(("out.weight", "down.weight")):
                    deviation /= math.sqrt(2 * shape.layers)
                parameter.data.normal_(0.0, deviation, generator=generator)

    def hidden(self, tokens, dtype=HALF):
        """Token ids [batch, length] -> final hidden states [batch, length, width]."""
        x = F.embedding(tokens, self.tokens.weight) + self.positions.weight[: tokens.shape[1]]
        x = x.to(dtype)
        for block in self.blocks:
            x = block(x)
        return norm(x, self.norm)

    def logits(self, tokens, dtype=HALF):
        return F.linear(self.hidden(tokens, dtype), self.tokens.weight.to(dtype)).float()

    def summed_loss(self, rows, weights=None):
        """Rows [batch, length + 1] -> cross entropy in nats summed over every predicted token.

        `weights` (of the rows' shape) scale each token's gradient and leave the value alone.
        """
        if weights is None:
            weights = torch.ones(rows.shape)
        hidden = self.hidden(rows[:, :-1])
        return kernels.HeadLoss.apply(hidden.reshape(-1, hidden.shape[-1]), self.tokens.weight.to(HALF),
                                      rows[:, 1:].reshape(-1).contiguous(), weights[:, 1:].reshape(-1).contiguous())
