# SPDX-License-Identifier: Apache-2.0
"""What the tests of models share: the programs, hard texts, and what a file must hold."""

import os
import struct
import subprocess

import gguf
import numpy

import forward

BINARY, PROBE = os.environ["BLINDBOX_BINARY"], os.environ["BLINDBOX_PROBE"]

NASTY = ["", " ", "  ", "\n", "\n\n\n", "\t\tx", " \n \n", "a b  c   d    e", "   leading", "trailing   ", "x\r\ny\r\n", "'s 't 're",
         "I'VE we'Ll DON'T 'Tis", "1234567890", "0x1F3a 1e-10 3.14", "x=1;y=22;z=333", "Größe überträgt", "naïve café",
         "я пишу код", "你好，世界。", "日本語テスト", "한국어 텍스트", "مرحبا بالعالم", "🙂 emoji 👩‍👩‍👧‍👦 and 🇩🇪", "½ ² Ⅷ ٣ 四",
         "\u00a0non\u00a0breaking\u2003space", "tab\tand\x0bvt\x0cff", "a" * 300, " " * 70 + "x", "\n" * 20 + " " * 9,
         "def f(x):\n    return x ** 2  # square\n", "if(a&&b||!c){d->e[0]+=~f;}", "<|endoftext|> <fim-prefix> </s> <s>",
         "$\\alpha_{i}^{2}$ \\frac{1}{2}", "“quotes” ‘single’ — dash … dots", "zero\u200bwidth\ufeffbom", "\x01\x02\x7f",
         "ﬁ ligature Å Å", "snake_case camelCase SCREAMING_CASE kebab-case", "http://x.y/z?q=1&r=2#f", "!!!???...,,,;;;", "\\n\\t\\\"",
         "▁under▁lines ▁", "A" + "́" + " combining", "İstanbul ẞ ǅ", "12 345,67 €", "\u2028line\u2029para\x85nel"]


def run(*arguments, **more):
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False, **more)


def probe_tokens(file, texts):
    data = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)
    done = subprocess.run([PROBE, "tokens", str(file)], input=data, capture_output=True, timeout=300, check=True)
    return [[int(token) for token in line.split()] for line in done.stdout.decode().split("\n")[:-1]]


def probe_logits(file, tokens):
    done = subprocess.run([PROBE, "logits", str(file), *map(str, tokens)], capture_output=True, text=True, timeout=300,
                          check=True)
    return numpy.array([float(line) for line in done.stdout.split()])


def interleave(value, heads):
    """llama.cpp's order of a rotary head's rows."""
    return value.reshape(heads, 2, value.shape[0] // heads // 2, *value.shape[1:]).swapaxes(1, 2).reshape(value.shape)


def expected(config, weights):
    """The tensors of the GGUF file by name, written down apart from the importer."""
    out, family = {}, config["architectures"][0]
    names = {"transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm",
             "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "ln_1": "attn_norm",
             "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up",
             "mlp.c_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
             "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
             "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
             "mlp.down_proj": "ffn_down"}
    for name, value in weights.items():
        base, kind = name.rsplit(".", 1)
        parts = base.split(".")
        if base in names:
            out[f"{names[base]}.{kind}"] = value
            continue
        layer, rest = parts[2], ".".join(parts[3:])
        if family == "LlamaForCausalLM" and rest in ("self_attn.q_proj", "self_attn.k_proj"):
            value = interleave(value, config["num_attention_heads" if "q_proj" in rest else "num_key_value_heads"])
        if rest == "attn.c_attn" and not config.get("multi_query", True):
            value = value.reshape(config["n_head"], 3, -1, *value.shape[1:]).swapaxes(0, 1).reshape(value.shape)
        out[f"blk.{layer}.{names[rest]}.{kind}"] = value
    return out


class Comparing:
    """Of a test case."""

    def assert_tensors(self, file, wanted):
        found = {tensor.name: tensor for tensor in gguf.GGUFReader(file).tensors}
        self.assertEqual(sorted(found), sorted(wanted))
        for name, value in wanted.items():
            self.assertEqual(list(found[name].shape), list(reversed(value.shape)), name)
            numpy.testing.assert_array_equal(found[name].data.reshape(value.shape), value, err_msg=name)

    def assert_logits(self, file, config, weights):
        tokens = [5, 17, 300, 42, 7, 99, 250, 3]
        ours, theirs = probe_logits(file, tokens), forward.Model(config, weights).logits(tokens)
        numpy.testing.assert_allclose(ours, theirs, atol=2e-3 * numpy.abs(theirs).max())
        self.assertEqual(int(ours.argmax()), int(theirs.argmax()))

    def metadata(self, file):
        return {key: field.contents() for key, field in gguf.GGUFReader(file).fields.items()}
