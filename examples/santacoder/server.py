# SPDX-License-Identifier: Apache-2.0
"""SantaCoder behind POST /generate {"input_text", "max_new_tokens"} -> {"text"}, with PyTorch, as any team would write it.

"blindbox serve" speaks the same and is much faster; this one shows that an existing server can be sealed off as it is.
"""
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = "/model"  # in the image: a sealed application fetches nothing

tokenizer = AutoTokenizer.from_pretrained(MODEL)
model = AutoModelForCausalLM.from_pretrained(MODEL).eval()
app = FastAPI()


class GenerateRequest(BaseModel):
    input_text: str
    max_new_tokens: int = 128


@app.post("/generate")
def generate(request: GenerateRequest) -> dict:
    inputs = tokenizer(request.input_text, return_tensors="pt")
    outputs = model.generate(**inputs, max_new_tokens=request.max_new_tokens)
    return {"text": tokenizer.decode(outputs[0])}


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=80)
