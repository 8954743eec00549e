# SPDX-License-Identifier: Apache-2.0
"""Compares llama.cpp's reading of an exported model with ours: tokens of every held-out file, and logits.

usage: verify.py WORK PROBE MODEL.gguf
"""

import json
import pathlib
import sys

import numpy
import torch

from model import Model, Shape
from pack import Encoder
from probe import Probe

ODD = ["", " ", "\n", "\n\n    x = 1\n", "x  =\t12345 # 3.14e-10", "\ta\t\tb", "naïve Ωμέγα 中文 🙂 ½ ٣", "if x:\n\n\n        y",
       "don't we'll I'VE it's", "trailing   \n   ", "a=b!=c**2//3%4", "<fim-prefix>", "\u00a0x\u2003y", "0x1F_FFj"]


def main():
    work, program, gguf = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    encode, probe = Encoder(work / "tokenizer.json"), Probe(program, gguf)
    files = [json.loads(line) for line in (work / "files.jsonl").open()]
    texts = ODD[1:] + [file["text"] for file in files if file["split"] == "held-out"]
    compared = 0
    for text in texts:
        mine, theirs = encode(text), probe.tokenize(text)
        if "<fim" in text:  # ours always parses special tokens, a request must not
            assert len(theirs) > 1
            continue
        assert mine == theirs, (text[:80], mine[:20], theirs[:20])
        compared += len(mine)
    print(len(texts), "texts,", compared, "tokens: equal")

    saved = torch.load(work / "holes.pt", map_location="cpu")
    model = Model(Shape(**saved["shape"]))
    model.load_state_dict(saved["model"])
    rows = numpy.load(work / "heldout.npy").astype(int)[:5]
    for row, length in zip(rows, (1, 2, 100, 700, 1024)):
        with torch.no_grad():
            hidden = model.hidden(torch.tensor(row[None, :length]), torch.float32)
            mine = torch.nn.functional.linear(hidden[0, -1], model.tokens.weight).numpy()
        theirs = numpy.array(probe.logits(row[:length]))
        print(f"{length} tokens: greatest difference {abs(mine - theirs).max():.5f} "
              f"of logits from {mine.min():.2f} to {mine.max():.2f}, same first choice: {mine.argmax() == theirs.argmax()}")


if __name__ == "__main__":
    main()
