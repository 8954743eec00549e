# SPDX-License-Identifier: Apache-2.0
"""A GGUF file in SantaCoder's shape with random weights: as fast and as large as the real one, and it says nothing.
A byte is a token, so that a prompt's length is known."""

import os
import struct

WIDTH, HEADS, VOCABULARY, CONTEXT = 2048, 16, 49280, 2048
F32, Q4_0 = 0, 2


def _text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _pair(key, value):
    head = _text(key)
    if isinstance(value, str):
        return head + struct.pack("<I", 8) + _text(value)
    if isinstance(value, float):
        return head + struct.pack("<If", 6, value)
    if isinstance(value, int):
        return head + struct.pack("<II", 4, value)
    if value and isinstance(value[0], int):
        return head + struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
    return head + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(item) for item in value)


def _byte_tokens():
    """The characters that byte-level BPE writes for the 256 bytes."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


def _blocks(count):
    """Q4_0: a scale in 16 bits and 32 numbers of four bits, so many times; random, and repeated."""
    unit = b"".join(struct.pack("<e", 0.004) + os.urandom(16) for _ in range(min(count, 1 << 14)))
    whole, rest = divmod(count * 18, len(unit))
    return [unit] * whole + [unit[:rest]]


def _tensors(layers):
    yield "token_embd.weight", (WIDTH, VOCABULARY), Q4_0
    yield "position_embd.weight", (WIDTH, CONTEXT), F32
    yield "output_norm.weight", (WIDTH,), F32
    yield "output_norm.bias", (WIDTH,), F32
    yield "output.weight", (WIDTH, VOCABULARY), Q4_0
    rows = WIDTH + 2 * WIDTH // HEADS
    for layer in range(layers):
        for name, shape in (("attn_norm", (WIDTH,)), ("attn_qkv", (WIDTH, rows)), ("attn_output", (WIDTH, WIDTH)),
                            ("ffn_norm", (WIDTH,)), ("ffn_up", (WIDTH, 4 * WIDTH)), ("ffn_down", (4 * WIDTH, WIDTH))):
            yield f"blk.{layer}.{name}.weight", shape, Q4_0 if len(shape) == 2 else F32
            yield f"blk.{layer}.{name}.bias", shape[-1:], F32


def _data(name, shape, kind):
    count = shape[0] * (shape[1] if len(shape) > 1 else 1)
    if kind == Q4_0:
        return _blocks(count // 32)
    if name.startswith("position"):
        return [struct.pack("<f", 0.01 * (i % 7 - 3)) for i in range(count)]
    return [struct.pack("<f", float("norm.weight" in name)) * count]


def write(path, layers):
    tokens = _byte_tokens() + ["<|endoftext|>", "<fim-prefix>", "<fim-middle>", "<fim-suffix>"]
    types = [1] * 256 + [3] * 4
    tokens += [f"[unused {i}]" for i in range(VOCABULARY - len(tokens))]
    types += [1] * (VOCABULARY - len(types))
    pairs = {
        "general.architecture": "starcoder", "general.name": f"random, SantaCoder's shape, {layers} layers",
        "starcoder.context_length": CONTEXT, "starcoder.embedding_length": WIDTH,
        "starcoder.feed_forward_length": 4 * WIDTH, "starcoder.block_count": layers,
        "starcoder.attention.head_count": HEADS, "starcoder.attention.head_count_kv": 1,
        "starcoder.attention.layer_norm_epsilon": 1e-5, "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "starcoder", "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": ["! !"], "tokenizer.ggml.bos_token_id": 256, "tokenizer.ggml.eos_token_id": 256,
        "tokenizer.ggml.fim_pre_token_id": 257, "tokenizer.ggml.fim_mid_token_id": 258,
        "tokenizer.ggml.fim_suf_token_id": 259,
    }
    tensors = list(_tensors(layers))
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    header += b"".join(_pair(key, value) for key, value in pairs.items())
    offset = 0
    for name, shape, kind in tensors:
        header += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        offset += (count // 32 * 18 if kind == Q4_0 else 4 * count) + 31 & ~31
    with open(path, "wb") as out:
        out.write(header + bytes(-len(header) % 32))
        for name, shape, kind in tensors:
            out.writelines(_data(name, shape, kind))
            out.write(bytes(-out.tell() % 32))
