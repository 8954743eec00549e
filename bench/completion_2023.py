# SPDX-License-Identifier: Apache-2.0
"""The server of BlindBox's example of 2023: SantaCoder in transformers behind FastAPI, on the CPU, here with random
weights of as many layers as the other sides have. A byte is a token, so that all sides read prompts of the same length.

Usage: completion_2023.py LAYERS THREADS PORT, with a Python that has torch, transformers, fastapi and uvicorn."""

import re
import sys

import fastapi
import pydantic
import torch
import transformers
import uvicorn

import completion_model as shape

MARKERS = {"<fim-prefix>": 257, "<fim-middle>": 258, "<fim-suffix>": 259}
app = fastapi.FastAPI()
model = None


class Asked(pydantic.BaseModel):
    input_text: str
    max_new_tokens: int = 128


def encode(text):
    for part in re.split("(<fim-(?:prefix|middle|suffix)>)", text):
        yield from [MARKERS[part]] if part in MARKERS else part.encode()


@app.get("/health")
def health():
    return {}


# A plain function, as there: FastAPI runs requests side by side on threads of its own.
@app.post("/generate")
def generate(asked: Asked):
    tokens = torch.tensor([list(encode(asked.input_text))])
    with torch.no_grad():
        said = model.generate(tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=asked.max_new_tokens,
                              pad_token_id=256, eos_token_id=None)
    return {"text": bytes(token % 256 for token in said[0].tolist()).decode(errors="replace")}


def main():
    global model
    layers, threads, port = map(int, sys.argv[1:])
    torch.set_num_threads(threads)
    model = transformers.GPTBigCodeForCausalLM(transformers.GPTBigCodeConfig(
        vocab_size=shape.VOCABULARY, n_positions=shape.CONTEXT, n_embd=shape.WIDTH, n_layer=layers, n_head=shape.HEADS,
        activation_function="gelu_pytorch_tanh", multi_query=True, bos_token_id=256, eos_token_id=256)).eval()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


main()
