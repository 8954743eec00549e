# SPDX-License-Identifier: Apache-2.0
"""The smallest application worth sealing off: it answers, and knows nothing of BlindBox."""
import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.get("/hello")
def hello() -> str:
    return "Hello World"


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=80)
