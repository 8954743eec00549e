# SPDX-License-Identifier: Apache-2.0
"""The models' forward pass, in numpy, as transformers computes it from the same tensors: the logits behind the last token."""

import numpy

EPSILON_KEYS = ("layer_norm_epsilon", "norm_epsilon", "rms_norm_eps")


def softmax(x):
    x = numpy.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


def gelu(x):
    return 0.5 * x * (1 + numpy.tanh(numpy.sqrt(2 / numpy.pi) * (x + 0.044715 * x**3)))


def rotate(x, base, factors):
    """x: heads, positions, size; halves turn against each other."""
    size = x.shape[-1]
    frequency = 1 / (base ** (numpy.arange(0, size, 2) / size)) / factors
    angle = numpy.arange(x.shape[1])[:, None] * frequency[None, :]
    cosine, sine = (numpy.concatenate([f(angle)] * 2, axis=-1) for f in (numpy.cos, numpy.sin))
    turned = numpy.concatenate([-x[..., size // 2:], x[..., :size // 2]], axis=-1)
    return x * cosine + turned * sine


class Model:
    def __init__(self, config, weights):
        self.weights = {name: value.astype(numpy.float64) for name, value in weights.items()}
        self.config, self.big = config, "n_embd" in config
        self.heads = config["n_head"] if self.big else config["num_attention_heads"]
        self.shared = config.get("multi_query", True)
        self.kv_heads = (1 if self.shared else self.heads) if self.big else config["num_key_value_heads"]
        self.epsilon = next(config[key] for key in EPSILON_KEYS if key in config)

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights.get(name + ".bias", 0)

    def norm(self, x, name):
        if name + ".bias" in self.weights:
            x = (x - x.mean(-1, keepdims=True)) / numpy.sqrt(x.var(-1, keepdims=True) + self.epsilon)
            return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]
        return x / numpy.sqrt((x**2).mean(-1, keepdims=True) + self.epsilon) * self.weights[name + ".weight"]

    def attention(self, q, k, v):
        """Each: positions, heads * size."""
        count, size = q.shape[0], q.shape[1] // self.heads
        q, k, v = (x.reshape(count, -1, size).swapaxes(0, 1) for x in (q, k, v))
        if not self.big:
            base, factors = self.config["rope_theta"], self.config.get("_factors", 1)
            q, k = rotate(q, base, factors), rotate(k, base, factors)
        k, v = (numpy.repeat(x, self.heads // self.kv_heads, axis=0) for x in (k, v))
        scores = q @ k.swapaxes(1, 2) / numpy.sqrt(size)
        scores += numpy.triu(numpy.full((count, count), -1e30), 1)
        return (softmax(scores) @ v).swapaxes(0, 1).reshape(count, -1)

    def big_layer(self, x, at):
        width = x.shape[1]
        size = width // self.heads
        qkv = self.linear(self.norm(x, at + "ln_1"), at + "attn.c_attn")
        if self.shared:
            parts = qkv[:, :width], qkv[:, width:width + size], qkv[:, width + size:]
        else:  # query, key and value of each head together
            parts = (qkv.reshape(-1, self.heads, 3, size)[:, :, part].reshape(-1, width) for part in range(3))
        mixed = self.attention(*parts)
        x = x + self.linear(mixed, at + "attn.c_proj")
        inner = gelu(self.linear(self.norm(x, at + "ln_2"), at + "mlp.c_fc"))
        return x + self.linear(inner, at + "mlp.c_proj")

    def modern_layer(self, x, at):
        y = self.norm(x, at + "input_layernorm")
        q, k, v = (self.linear(y, f"{at}self_attn.{name}_proj") for name in "qkv")
        x = x + self.linear(self.attention(q, k, v), at + "self_attn.o_proj")
        y = self.norm(x, at + "post_attention_layernorm")
        if at + "mlp.c_fc.weight" in self.weights:
            return x + self.linear(gelu(self.linear(y, at + "mlp.c_fc")), at + "mlp.c_proj")
        gate = self.linear(y, at + "mlp.gate_proj")
        return x + self.linear(gate / (1 + numpy.exp(-gate)) * self.linear(y, at + "mlp.up_proj"), at + "mlp.down_proj")

    def logits(self, tokens):
        root = "transformer." if self.big else "model."
        embeddings = self.weights[root + ("wte.weight" if self.big else "embed_tokens.weight")]
        x = embeddings[tokens]
        if self.big:
            x = x + self.weights[root + "wpe.weight"][:len(tokens)]
        for i in range(self.config["n_layer" if self.big else "num_hidden_layers"]):
            x = self.big_layer(x, f"{root}h.{i}.") if self.big else self.modern_layer(x, f"{root}layers.{i}.")
        x = self.norm(x, root + ("ln_f" if self.big else "norm"))
        return x[-1] @ self.weights.get("lm_head.weight", embeddings).T
