# SPDX-License-Identifier: Apache-2.0
"""blindbox model import: each tensor, each token and the logits as Python's libraries have them from the same files."""

import json
import os
import pathlib
import struct
import subprocess
import tempfile
import unicodedata
import unittest

import libraries

libraries.ensure()

import gguf  # noqa: E402
import numpy  # noqa: E402

import makers  # noqa: E402
from compare import NASTY, PROBE, Comparing, expected, probe_tokens, run  # noqa: E402

END = "<|endoftext|>"
HYPHENS = [END, "<fim-prefix>", "<fim-middle>", "<fim-suffix>", "<fim-pad>"]
PIPES = [END, "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"]
TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}"
FILE_TYPES = {"q8_0": 7, "q4_0": 2, "q4_k_m": 15}


class Import(Comparing, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory(prefix="blindbox-model-")
        cls.addClassCleanup(cls._folder.cleanup)
        cls.folder = pathlib.Path(cls._folder.name)
        cls.bpe = makers.byte_level("starcoder", HYPHENS)
        cls.chat = makers.byte_level("qwen2", PIPES)

    def fresh(self, name):
        return self.folder / (self.id().rsplit(".", 1)[1] + "-" + name)

    def imported(self, source, kind="f32"):
        out = self.fresh(f"{source.name}-{kind}.gguf")
        done = run("model", "import", source, "--type", kind, "--output", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        return out

    def assert_tokens(self, file, tokenizer, texts):
        found, special = probe_tokens(file, texts), {t.content for t in tokenizer.get_added_tokens_decoder().values()}
        self.assertEqual(len(found), len(texts))
        for text, ours in zip(texts, found):
            theirs = tokenizer.encode(text, add_special_tokens=False)
            # User's text never becomes a special token there; the library always finds them.
            if any(token in special for token in theirs.tokens):
                continue
            self.assertEqual(ours, theirs.ids, repr(text))

    def whole(self, family, config, weights, tokenizer, texts=None, tokens=None, shards=1):
        source = self.fresh(family)
        makers.save(source, config, weights, tokenizer, tokens or {"eos_token": END, "bos_token": END}, shards)
        file = self.imported(source)
        self.assert_tensors(file, expected(config, weights))
        self.assert_tokens(file, tokenizer, NASTY if texts is None else texts)
        self.assert_logits(file, config, weights)
        return file, self.metadata(file)

    def test_santacoder(self):
        config = makers.santacoder_config(1024)
        file, found = self.whole("santa", config, makers.santacoder(config), self.bpe)
        self.assertEqual(found["general.architecture"], "starcoder")
        self.assertEqual(found["tokenizer.ggml.pre"], "starcoder")
        self.assertEqual(found["starcoder.attention.head_count_kv"], 1)
        self.assertEqual(found["tokenizer.ggml.fim_pre_token_id"], self.bpe.token_to_id("<fim-prefix>"))
        self.assertEqual(found["tokenizer.ggml.tokens"][-1], "[PAD1023]")
        done = run("model", "inspect", file, "--json")
        told = json.loads(done.stdout)
        self.assertEqual(told["fim"]["order"], "spm")
        self.assertEqual(told["context_length"], 128)
        self.assertEqual(run("model", "verify", file, "--sha256", told["sha256"]).returncode, 0)
        self.assertEqual(run("model", "verify", file, "--sha256", "0" * 64).returncode, 8)

    def test_without_multi_query_and_with_a_head_and_a_size_of_its_own(self):
        config = makers.santacoder_config(1024, multi_query=False, n_inner=160, tie_word_embeddings=False)
        weights = makers.santacoder(config)
        weights.add("lm_head.weight", config["vocab_size"], config["n_embd"])
        _, found = self.whole("heads", config, weights, self.bpe)
        self.assertEqual(found["starcoder.attention.head_count_kv"], 4)
        self.assertEqual(found["starcoder.feed_forward_length"], 160)

    def test_santacoder_as_it_was_first(self):
        config = makers.santacoder_config(1024)
        weights = makers.santacoder(config)
        first, old = makers.first_santacoder(config, weights)
        source = self.fresh("first")
        makers.save(source, first, old, self.bpe, {"eos_token": END})
        file = self.imported(source)
        self.assert_tensors(file, expected(config, weights))
        self.assert_logits(file, config, weights)

    def test_starcoder2_in_shards_with_its_own_head(self):
        config = makers.modern_config("starcoder2", 1010)
        self.whole("starcoder2", config, makers.modern("starcoder2", config), self.bpe, shards=3)

    def test_qwen2(self):
        config = makers.modern_config("qwen2", 1020, tie_word_embeddings=True)
        texts = [unicodedata.normalize("NFC", text) for text in NASTY]
        tokens = {"eos_token": "<|im_end|>", "pad_token": END, "chat_template": TEMPLATE}
        _, found = self.whole("qwen2", config, makers.modern("qwen2", config), self.chat, texts, tokens)
        self.assertEqual(found["tokenizer.ggml.pre"], "qwen2")
        self.assertEqual(found["tokenizer.chat_template"], TEMPLATE)
        self.assertEqual(found["tokenizer.ggml.eos_token_id"], self.chat.token_to_id("<|im_end|>"))
        self.assertFalse(found["tokenizer.ggml.add_bos_token"])

    def test_llama_of_sentencepiece(self):
        tokenizer = makers.sentencepiece()
        config = makers.modern_config("llama", tokenizer.get_vocab_size())
        tokens = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "unk_token": "<unk>"}
        _, found = self.whole("llama", config, makers.modern("llama", config), tokenizer, tokens=tokens)
        self.assertEqual(found["tokenizer.ggml.model"], "llama")
        self.assertTrue(found["tokenizer.ggml.add_bos_token"])
        self.assertTrue(found["tokenizer.ggml.add_space_prefix"])
        self.assertEqual(found["tokenizer.ggml.bos_token_id"], 1)

    def test_llama_with_metaspace(self):
        tokenizer = makers.sentencepiece(metaspace=True)
        config = makers.modern_config("llama", tokenizer.get_vocab_size())
        # Before text that begins with a blank this form puts no other one, and the engine does: documented.
        texts = [text for text in NASTY if not text.startswith((" ", "▁"))]
        self.whole("metaspace", config, makers.modern("llama", config), tokenizer, texts,
                   {"bos_token": "<s>", "eos_token": "</s>"})

    def test_llama3_scales_frequencies(self):
        tokenizer = makers.byte_level("llama-bpe", ["<|begin_of_text|>", "<|end_of_text|>"])
        scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                   "original_max_position_embeddings": 32}
        config = makers.modern_config("llama", 1002, rope_scaling=scaling, rope_theta=5000.0)
        weights = makers.modern("llama", config)
        source = self.fresh("llama3")
        makers.save(source, config, weights, tokenizer, {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"})
        file = self.imported(source)
        factors = {tensor.name: tensor.data for tensor in gguf.GGUFReader(file).tensors}["rope_freqs.weight"]
        self.assertEqual(len(factors), 8)
        self.assertEqual(float(factors[-1]), 8.0)
        self.assert_logits(file, config | {"_factors": numpy.array(factors)}, weights)
        self.assert_tokens(file, tokenizer, NASTY)

    def test_other_ways_to_split(self):
        config = makers.modern_config("llama", 1001)
        weights = makers.modern("llama", config)
        for kind in ("gpt-2", "dbrx", "seed-coder", "deepseek-coder"):
            with self.subTest(kind):
                tokenizer = makers.byte_level(kind, [END])
                source = self.fresh(kind)
                makers.save(source, config, weights, tokenizer, {"eos_token": END})
                file = self.imported(source, "f16")
                self.assertEqual(self.metadata(file)["tokenizer.ggml.pre"], kind)
                self.assert_tokens(file, tokenizer, NASTY)

    def test_markers_of_every_family_are_known_and_never_found_in_code(self):
        families = {"<fim_prefix>": ("<fim_suffix>", "<fim_middle>", "psm", "<repo_name>", "<file_sep>"),
                    "<fim-prefix>": ("<fim-suffix>", "<fim-middle>", "spm"),
                    "<|fim_prefix|>": ("<|fim_suffix|>", "<|fim_middle|>", "psm", "<|repo_name|>", "<|file_sep|>"),
                    "<｜fim▁begin｜>": ("<｜fim▁hole｜>", "<｜fim▁end｜>", "psm"),
                    "[PREFIX]": ("[SUFFIX]", "[MIDDLE]", "suffix_first")}
        weights = makers.modern("llama", config := makers.modern_config("llama", 1010))
        for prefix, (suffix, middle, order, *files) in families.items():
            with self.subTest(prefix):
                tokenizer = makers.byte_level("gpt-2", [END])
                # Not special, as Qwen2.5-Coder's own files have them: the name decides.
                tokenizer.add_tokens([makers.AddedToken(text, special=False, normalized=False)
                                      for text in (prefix, suffix, middle, *files)])
                source = self.fresh(f"family-{order}-{len(prefix)}-{len(suffix)}")
                makers.save(source, config, weights, tokenizer, {"eos_token": END})
                file = self.imported(source, "f16")
                told = json.loads(run("model", "inspect", file, "--json").stdout)["fim"]
                self.assertEqual([told["order"]] + [told[key]["text"] for key in ("prefix", "suffix", "middle")],
                                 [order, prefix, suffix, middle])
                self.assertIn(order, run("model", "inspect", file).stdout)
                special = {tokenizer.token_to_id(text) for text in (prefix, suffix, middle)}
                code = f"x = '{prefix}'\ny = {suffix} # {middle}"
                self.assertFalse(special & set(probe_tokens(file, [code])[0]))

    def test_vocab_json_and_merges_txt(self):
        tokenizer = makers.byte_level("gpt-2", [END])
        config = makers.modern_config("qwen2", 1001)
        source = self.fresh("older")
        makers.save(source, config, makers.modern("qwen2", config), tokenizer,
                    {"eos_token": END, "tokenizer_class": "GPT2Tokenizer"})
        (source / "tokenizer.json").unlink()
        tokenizer.model.save(str(source))
        (source / "added_tokens.json").write_text(json.dumps({END: tokenizer.token_to_id(END)}))
        self.assert_tokens(self.imported(source), tokenizer, NASTY)

    def test_sixteen_bits(self):
        config = makers.santacoder_config(1024)
        weights = makers.santacoder(config)
        halves = {name: value.astype(numpy.float16) for name, value in weights.items()}
        source = self.fresh("halves")
        makers.save(source, config, halves, self.bpe, {"eos_token": END})
        self.assert_tensors(self.imported(source), expected(config, {n: v.astype(numpy.float32) for n, v in halves.items()}))
        brain = self.fresh("brain")
        makers.save(brain, config, weights, self.bpe, {"eos_token": END})
        write_bf16(brain / "model.safetensors", weights)
        cut = {name: (value.view(numpy.uint32) & 0xFFFF0000).view(numpy.float32) for name, value in weights.items()}
        self.assert_tensors(self.imported(brain), expected(config, cut))
        found = {tensor.name: tensor.data for tensor in gguf.GGUFReader(self.imported(source, "f16")).tensors}
        wanted = expected(config, halves)["blk.1.ffn_up.weight"]
        numpy.testing.assert_array_equal(found["blk.1.ffn_up.weight"].reshape(wanted.shape), wanted)

    def test_quantised_as_llama_quantize_does(self):
        config = makers.modern_config("llama", 1001, hidden_size=256, intermediate_size=544, num_hidden_layers=9)
        tokenizer = makers.byte_level("gpt-2", [END])
        source = self.fresh("plain")
        makers.save(source, config, makers.modern("llama", config), tokenizer, {"eos_token": END})
        plain = self.imported(source)
        for kind, number in FILE_TYPES.items():
            with self.subTest(kind):
                theirs, again = self.fresh(f"theirs-{kind}.gguf"), self.fresh(f"again-{kind}.gguf")
                subprocess.run([PROBE, "quantize", plain, theirs, str(number)], check=True, timeout=300)
                done = run("model", "quantize", plain, "--type", kind, "--output", again)
                self.assertEqual(done.returncode, 0, done.stderr)
                wanted = gguf.GGUFReader(theirs)
                for ours in (self.imported(source, kind), again):
                    found = {tensor.name: tensor for tensor in gguf.GGUFReader(ours).tensors}
                    self.assertEqual(self.metadata(ours)["general.file_type"], number)
                    for tensor in wanted.tensors:
                        self.assertEqual(found[tensor.name].tensor_type, tensor.tensor_type, tensor.name)
                        self.assertTrue(numpy.array_equal(found[tensor.name].data, tensor.data), tensor.name)
        twice = run("model", "quantize", again, "--type", "q8_0", "--output", self.fresh("twice.gguf"))
        self.assertEqual(twice.returncode, 8)
        self.assertIn("quantised already", twice.stderr)

    def test_a_name_in_the_store(self):
        config = makers.santacoder_config(1024)
        source = self.fresh("kept")
        makers.save(source, config, makers.santacoder(config), self.bpe, {"eos_token": END})
        environment = {**os.environ, "BLINDBOX_MODELS": str(self.fresh("store"))}
        done = run("model", "import", source, "--name", "mine", env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(run("model", "import", source, "--name", "mine", env=environment).returncode, 2)
        self.assertEqual(run("model", "import", source, "--name", "../out", env=environment).returncode, 2)
        listed = json.loads(run("model", "list", "--json", env=environment).stdout)
        self.assertEqual([(entry["name"], entry["type"]) for entry in listed], [("mine", "q8_0")])
        self.assertIn("mine", run("model", "list", env=environment).stdout)
        self.assertEqual(run("model", "verify", "mine", env=environment).returncode, 0)
        with open(listed[0]["file"], "r+b") as file:
            file.seek(-40, os.SEEK_END)
            file.write(b"\xff")
        spoilt = run("model", "verify", "mine", env=environment)
        self.assertEqual(spoilt.returncode, 8)
        self.assertIn("another digest", spoilt.stderr)

    def refuse(self, why, config=None, weights=None, change=None):
        usual = makers.santacoder_config(1024)
        source = self.fresh("refused")
        while source.exists():
            source = source.with_name(source.name + "x")
        makers.save(source, config or usual, weights or makers.santacoder(usual), self.bpe, {"eos_token": END})
        if change:
            change(source)
        out = self.fresh("refused.gguf")
        done = run("model", "import", source, "--output", out)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(why, done.stderr)
        self.assertEqual([path.name for path in self.folder.glob("*refused.gguf*")], [])

    def test_refusals(self):
        usual = makers.santacoder_config(1024)
        self.refuse("architecture cannot be imported", {**usual, "architectures": ["MambaForCausalLM"]})
        self.refuse("another shape", {**usual, "multi_query": False})
        self.refuse("another shape", {**usual, "n_positions": 64})
        self.refuse("not below config.json's vocab_size", {**usual, "vocab_size": 900},
                    makers.santacoder({**usual, "vocab_size": 900}))
        self.refuse("lacks a tensor", {**usual, "n_layer": 3})
        self.refuse("does not know", {**usual, "n_layer": 1})
        spoilt = makers.santacoder(usual)
        spoilt["transformer.h.1.mlp.c_fc.weight"][3, 3] = numpy.nan
        self.refuse("no numbers", usual, spoilt)

        def edit(name, **members):
            def change(source):
                told = json.loads((source / name).read_text())
                (source / name).write_text(json.dumps({**told, **members}))
            return change
        self.refuse("splits text", change=edit("tokenizer.json", pre_tokenizer={"type": "Whitespace"}))
        self.refuse("normalises text", change=edit("tokenizer.json", normalizer={"type": "Lowercase"}))
        self.refuse("which token ends a text", change=edit("tokenizer_config.json", eos_token=None))
        self.refuse("pickle", change=lambda source: (source / "model.safetensors").rename(source / "pytorch_model.bin"))
        self.refuse("has no tokenizer", change=lambda source: (source / "tokenizer.json").unlink())

        def class_is_a_list(source):
            (source / "tokenizer.json").unlink()
            (source / "vocab.json").write_text(json.dumps({"a": 0}))
            (source / "merges.txt").write_text("")
            edit("tokenizer_config.json", tokenizer_class=["GPT2Tokenizer"])(source)
        self.refuse("tokenizer_class is not one that is known", change=class_is_a_list)


def write_bf16(path, weights):
    """The upper half of each value: numpy has no such type."""
    header, data = {}, b""
    for name, value in weights.items():
        piece = (value.view(numpy.uint32) >> 16).astype(numpy.uint16).tobytes()
        header[name] = {"dtype": "BF16", "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


if __name__ == "__main__":
    unittest.main(verbosity=2)
