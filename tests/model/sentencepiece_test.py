# SPDX-License-Identifier: Apache-2.0
"""Folders with tokenizer.model and no tokenizer.json: each piece, score, type and token as sentencepiece has them."""

import json
import pathlib
import random
import shutil
import tempfile
import unittest

import libraries

libraries.ensure()

import sentencepiece  # noqa: E402

import makers  # noqa: E402
from compare import NASTY, Comparing, expected, probe_tokens, run  # noqa: E402

BYTE, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, NORMAL = 6, 2, 3, 4, 5, 1
LLAMA = {"model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity", "remove_extra_whitespaces": False,
         "allow_whitespace_only_pieces": True, "split_digits": True, "vocab_size": 900, "character_coverage": 0.999,
         "max_sentence_length": 20000, "num_threads": 1, "minloglevel": 2}


def mixed(count, seed=11):
    """Texts of pieces that code is made of, in random order."""
    chosen = random.Random(seed)
    parts = ["def ", "return", " ", "  ", "    ", "\t", "\n", "\r\n", "x", "foo_bar", "Größe", "你好", "🙂", "👩‍👩‍👧", "</s>", "<s>",
             "<PRE>", "▁", "▁<MID>", "[SUFFIX]", "<fim_prefix>", "1234", "0x1F", "->", "==", ";", "'", "\"", "\\n", "é", "é"]
    return ["".join(chosen.choices(parts, k=chosen.randint(1, 12))) for _ in range(count)]


class SentencePiece(Comparing, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory(prefix="blindbox-pieces-")
        cls.addClassCleanup(cls._folder.cleanup)
        cls.folder = pathlib.Path(cls._folder.name)
        (cls.folder / "corpus.txt").write_text("\n".join(makers.corpus()), encoding="utf-8")

    def train(self, name="model", **more):
        prefix = self.folder / f"{self.id().rsplit('.', 1)[1]}-{name}"
        sentencepiece.SentencePieceTrainer.train(input=str(self.folder / "corpus.txt"), model_prefix=str(prefix),
                                                 **{**LLAMA, **more})
        return prefix.with_suffix(".model")

    def make(self, model, rows, **files):
        source = model.with_suffix("")
        config = makers.modern_config("llama", rows)
        weights = makers.modern("llama", config)
        makers.save(source, config, weights, None, files.pop("tokenizer_config", {}))
        shutil.copy(model, source / "tokenizer.model")
        for name, value in files.items():
            (source / (name + ".json")).write_text(json.dumps(value), encoding="utf-8")
        return source, config, weights

    def imported(self, source):
        out = source.with_suffix(".gguf")
        done = run("model", "import", source, "--type", "f32", "--output", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        return out, done.stderr

    def assert_pieces(self, file, pieces):
        found = self.metadata(file)
        for number in range(pieces.vocab_size()):
            kind = (BYTE if pieces.is_byte(number) else CONTROL if pieces.is_control(number)
                    else UNKNOWN if pieces.is_unknown(number) else NORMAL)
            here = [found["tokenizer.ggml." + key][number] for key in ("tokens", "scores", "token_type")]
            self.assertEqual(here, [pieces.id_to_piece(number), pieces.get_score(number), kind], number)
        return found

    def assert_texts(self, file, pieces, texts):
        for text, ours in zip(texts, probe_tokens(file, texts)):
            theirs = pieces.encode(text)
            # llama.cpp merges "</" and "s>" into the end of the text: the engine takes such a token apart again.
            if any(pieces.is_control(token) for token in ours):
                self.assertIn("s>", text)
                continue
            self.assertEqual(ours, theirs, repr(text))

    def test_as_sentencepiece_has_it(self):
        for name, more in {"llama": {}, "without-blank": {"add_dummy_prefix": False},
                           "other-numbers": {"unk_id": 3, "bos_id": 0, "eos_id": 1, "pad_id": 2}}.items():
            with self.subTest(name):
                model = self.train(name, **more)
                pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
                source, config, weights = self.make(model, pieces.vocab_size() + 4)
                file, _ = self.imported(source)
                found = self.assert_pieces(file, pieces)
                self.assert_texts(file, pieces, NASTY + mixed(300))
                self.assertEqual(found["tokenizer.ggml.model"], "llama")
                self.assertEqual(found["tokenizer.ggml.eos_token_id"], pieces.eos_id())
                self.assertEqual(found["tokenizer.ggml.bos_token_id"], pieces.bos_id())
                self.assertTrue(found["tokenizer.ggml.add_bos_token"])
                self.assertEqual(found["tokenizer.ggml.add_space_prefix"], name != "without-blank")
                self.assertEqual(found["tokenizer.ggml.token_type"][-4:], [UNUSED] * 4)
        self.assert_tensors(file, expected(config, weights))
        self.assert_logits(file, config, weights)

    def test_beside_a_tokenizer_json_its_scores_count(self):
        model = self.train()
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
        tokenizer = makers.from_pieces(pieces)
        source, _, _ = self.make(model, pieces.vocab_size(), tokenizer_config={"eos_token": "</s>", "bos_token": "<s>"})
        tokenizer.save(str(source / "tokenizer.json"))
        file, _ = self.imported(source)
        self.assert_texts(file, pieces, NASTY + mixed(100))
        found = self.metadata(file)
        for number in range(259, pieces.vocab_size()):
            self.assertEqual(found["tokenizer.ggml.scores"][number], pieces.get_score(number))

    def test_added_tokens_and_markers(self):
        model = self.train(user_defined_symbols=["▁<PRE>", "▁<SUF>", "<sep>"], control_symbols=["▁<MID>", "▁<EOT>"])
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
        size = pieces.vocab_size()
        decoder = {"0": {"content": "<unk>", "special": True}, str(size): {"content": "<|im_start|>", "special": False},
                   str(size + 1): {"content": "<tool>", "special": False}, str(size + 99): {"content": "<far>"}}
        source, _, _ = self.make(
            model, size + 3, added_tokens={"<|im_start|>": size, "<old>": size + 2}, special_tokens_map={"eos_token": "<old>"},
            tokenizer_config={"added_tokens_decoder": decoder, "add_bos_token": False, "add_eos_token": True, "legacy": False})
        file, told = self.imported(source)
        found = self.metadata(file)
        types = dict(zip(found["tokenizer.ggml.tokens"], found["tokenizer.ggml.token_type"]))
        for marker in ("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>", "<unk>", "<|im_start|>", "<old>"):
            self.assertEqual(types[marker], CONTROL, marker)
        for plain in ("<sep>", "<tool>"):
            self.assertEqual(types[plain], USER_DEFINED, plain)
        self.assertEqual(found["tokenizer.ggml.scores"][size:], [-1000.0] * 3)
        self.assertEqual(found["tokenizer.ggml.fim_pre_token_id"], pieces.piece_to_id("▁<PRE>"))
        self.assertEqual(found["tokenizer.ggml.eot_token_id"], pieces.piece_to_id("▁<EOT>"))
        self.assertEqual(found["tokenizer.ggml.eos_token_id"], size + 2)
        self.assertFalse(found["tokenizer.ggml.add_bos_token"])
        self.assertTrue(found["tokenizer.ggml.add_eos_token"])
        self.assertIn("left out 1 added tokens", told)
        told = json.loads(run("model", "inspect", file, "--json").stdout)
        self.assertEqual(told["fim"]["order"], "psm")
        # What a person writes in code stays code; the symbol of the model's own is found, as sentencepiece finds it.
        for text in ("x ▁<PRE> y", "x = ' <SUF>'"):
            self.assertFalse(any(found["tokenizer.ggml.token_type"][token] == CONTROL
                                 for token in probe_tokens(file, [text])[0]), text)
        self.assertIn(pieces.piece_to_id("<sep>"), probe_tokens(file, ["a<sep>b"])[0])

    def test_other_normalisations_are_told(self):
        for more, word in (({"normalization_rule_name": "nmt_nfkc"}, "NFKC"), ({"remove_extra_whitespaces": True}, "blank")):
            with self.subTest(word):
                source, _, _ = self.make(self.train(word, **more), 900)
                self.assertIn(word, self.imported(source)[1])

    def refuse(self, why, model, rows=900):
        source, _, _ = self.make(model, rows)
        out = source.with_suffix(".gguf")
        done = run("model", "import", source, "--output", out)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(why, done.stderr)
        self.assertFalse(out.exists())

    def test_refusals(self):
        self.refuse("unigram", self.train("unigram", model_type="unigram"))
        self.refuse("single bytes", self.train("bytes", byte_fallback=False))
        self.refuse("behind words", self.train("suffix", treat_whitespace_as_suffix=True))
        model = self.train("rows")
        self.refuse("not below config.json's vocab_size", model, 800)
        for name, change in (("cut", lambda data: data[:-3]), ("spoilt", lambda data: b"\xff" * 12 + data),
                             ("tiktoken", lambda _: b"IQ== 0\nIg== 1\n")):
            other = model.with_name(name + ".model")
            other.write_bytes(change(model.read_bytes()))
            self.refuse("not a SentencePiece model", other)


if __name__ == "__main__":
    unittest.main(verbosity=2)
