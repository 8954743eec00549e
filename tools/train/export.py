# SPDX-License-Identifier: Apache-2.0
"""Checkpoint and tokenizer -> GGUF of llama.cpp's architecture `starcoder`, matrices in Q8_0 (or F32 for comparisons).

usage: export.py WORK OUT.gguf [--type q8_0|f32]
"""

import argparse
import json
import pathlib

import gguf
import numpy
import torch

import fim

NAME = "BlindBox tiny Python"
DESCRIPTION = ("A very small fill-in-the-middle model for Python, trained from nothing on permissively licensed code "
               "for demonstrations and tests. It completes shapes; it understands nothing.")


def tensors(state):
    """(GGUF name, float32 array) in the order in which the network uses them."""
    block_names = {"norm_1": "attn_norm", "out": "attn_output", "norm_2": "ffn_norm", "up": "ffn_up", "down": "ffn_down"}
    get = {name: value.float().numpy() for name, value in state.items()}
    yield "token_embd.weight", get["tokens.weight"]
    yield "position_embd.weight", get["positions.weight"]
    layers = 1 + max(int(name.split(".")[1]) for name in get if name.startswith("blocks."))
    for layer in range(layers):
        for kind in ("weight", "bias"):
            joined = [get[f"blocks.{layer}.{part}.{kind}"] for part in ("query", "key", "value")]
            yield f"blk.{layer}.attn_qkv.{kind}", numpy.concatenate(joined)
            for mine, theirs in block_names.items():
                yield f"blk.{layer}.{theirs}.{kind}", get[f"blocks.{layer}.{mine}.{kind}"]
    yield "output_norm.weight", get["norm.weight"]
    yield "output_norm.bias", get["norm.bias"]


def write_vocabulary(writer, tokenizer):
    model = tokenizer["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    assert tokens[:5] == fim.SPECIAL_TOKENS and list(model["vocab"].values()).count(0) == 1
    kinds = [gguf.TokenType.CONTROL if token in fim.SPECIAL_TOKENS else gguf.TokenType.NORMAL for token in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("starcoder")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]])
    writer.add_bos_token_id(fim.END)
    writer.add_eos_token_id(fim.END)
    writer.add_unk_token_id(fim.END)
    writer.add_add_bos_token(False)
    for name, token in (("pre", fim.PREFIX), ("suf", fim.SUFFIX), ("mid", fim.MIDDLE), ("pad", fim.PAD)):
        writer.add_uint32(f"tokenizer.ggml.fim_{name}_token_id", token)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("out")
    parser.add_argument("--type", default="q8_0", choices=("q8_0", "f32"))
    arguments = parser.parse_args()
    saved = torch.load(arguments.work / "holes.pt", map_location="cpu")
    shape = saved["shape"]
    writer = gguf.GGUFWriter(arguments.out, "starcoder")
    writer.add_type("model")
    writer.add_name(NAME)
    writer.add_description(DESCRIPTION)
    writer.add_license("Apache-2.0")
    writer.add_size_label(f"{sum(value.numel() for value in saved['model'].values()) / 1e6:.1f}M")
    writer.add_context_length(shape["positions"])
    writer.add_embedding_length(shape["width"])
    writer.add_feed_forward_length(4 * shape["width"])
    writer.add_block_count(shape["layers"])
    writer.add_head_count(shape["width"] // shape["head"])
    writer.add_head_count_kv(1)
    writer.add_layer_norm_eps(1e-5)
    writer.add_vocab_size(shape["vocabulary"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if arguments.type == "q8_0" else gguf.LlamaFileType.ALL_F32)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    write_vocabulary(writer, json.loads((arguments.work / "tokenizer.json").read_text()))
    for name, value in tensors(saved["model"]):
        if arguments.type == "q8_0" and value.ndim == 2 and not name.startswith("position"):
            quantised = gguf.quants.quantize(value, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, numpy.ascontiguousarray(value))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(arguments.out, "from step", saved["step"])


if __name__ == "__main__":
    main()
