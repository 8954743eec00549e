# SPDX-License-Identifier: Apache-2.0
"""Trains the byte-level BPE: digits apart, then GPT-2's pattern, which is llama.cpp's pre-tokenizer `starcoder`.

usage: tokenizer.py WORK   (reads files.jsonl, writes tokenizer.json)
"""

import json
import pathlib
import sys

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

import fim

VOCABULARY = 8192
SAMPLE = 40_000_000  # characters


def new():
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def main():
    work = pathlib.Path(sys.argv[1])
    texts, total = [], 0
    for line in (work / "files.jsonl").open():
        file = json.loads(line)
        library = file["package"].startswith("libpython")
        if file["split"] == "train" and (total < SAMPLE or library):
            texts += [file["text"]] * (3 if library else 1)
            total += len(file["text"])
    tokenizer = new()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=fim.SPECIAL_TOKENS, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(texts, trainer)
    assert [tokenizer.token_to_id(token) for token in fim.SPECIAL_TOKENS] == list(range(5))
    tokenizer.save(str(work / "tokenizer.json"))
    print("tokens", tokenizer.get_vocab_size(), "characters", sum(map(len, texts)))


if __name__ == "__main__":
    main()
