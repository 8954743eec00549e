# SPDX-License-Identifier: Apache-2.0
"""Client libraries from npm and PyPI, against serve behind connect."""

import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import harness  # noqa: E402
import wire  # noqa: E402
from packages import npm, pip  # noqa: E402

PREFIX = "def add(a, b):\n    return "
HOLE = {"input_prefix": PREFIX, "input_suffix": "\n", "n_predict": 8}


class Clients(harness.ChannelTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.url = f"http://127.0.0.1:{cls.proxy.port}"
        cls.expected = wire.ask(cls.proxy.port, "POST", "/infill", HOLE).json()["content"]
        cls.listed = wire.ask(cls.proxy.port, "GET", "/v1/models").json()["data"][0]["id"]

    def output(self, folder, package, *command, script):
        if folder is None:
            self.skipTest(f"{package} cannot be installed here")
        environment = dict(os.environ, PYTHONPATH=str(folder), NODE_PATH=str(folder / "node_modules"), URL=self.url)
        done = subprocess.run([*command, script], cwd=folder, env=environment, capture_output=True, text=True,
                              timeout=harness.PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def test_openai_from_npm(self):
        out = self.output(npm("openai@4"), "openai@4", "node", "-e", script="""
          const OpenAI = require('openai');
          (async () => {
            const client = new OpenAI({baseURL: process.env.URL + '/v1', apiKey: 'k'});
            const asked = {model: 'any', prompt: 'def add(a, b):\\n    return ', suffix: '\\n', max_tokens: 8};
            const whole = await client.completions.create(asked);
            let streamed = '', usage = null;
            const stream = await client.completions.create(
              {...asked, stream: true, stream_options: {include_usage: true}});
            for await (const part of stream) {
              if (part.choices.length) streamed += part.choices[0].text;
              if (part.usage) usage = part.usage;
            }
            const models = await client.models.list();
            let refused = 0;
            try { await client.completions.create({model: 'any', prompt: 'a', max_tokens: -7}); }
            catch (error) { refused = error.status; }
            console.log(JSON.stringify({whole: whole.choices[0].text, streamed, usage, models: models.data, refused}));
          })();""")
        self.assertEqual(out["whole"], self.expected)
        self.assertEqual(out["streamed"], self.expected)
        self.assertGreater(out["usage"]["total_tokens"], 0)
        self.assertEqual(out["models"][0]["id"], self.listed)
        self.assertEqual(out["refused"], 400)

    def test_ollama_from_npm(self):
        out = self.output(npm("ollama@0.6"), "ollama@0.6", "node", "-e", script="""
          const {Ollama} = require('ollama');
          (async () => {
            const client = new Ollama({host: process.env.URL});
            const asked = {model: 'any', prompt: 'def add(a, b):\\n    return ', suffix: '\\n',
                           options: {num_predict: 8, temperature: 0}};
            const whole = await client.generate(asked);
            let streamed = '', done = 0;
            for await (const part of await client.generate({...asked, stream: true})) {
              streamed += part.response;
              done += part.done ? 1 : 0;
            }
            const list = await client.list(), show = await client.show({model: 'any'});
            let refused = '';
            try { await client.generate({model: 'any', prompt: 'a', format: 'json'}); }
            catch (error) { refused = error.message; }
            console.log(JSON.stringify({whole: whole.response, streamed, done, list, show, refused}));
          })();""")
        self.assertEqual(out["whole"], self.expected)
        self.assertEqual(out["streamed"], self.expected)
        self.assertEqual(out["done"], 1)
        self.assertEqual(out["list"]["models"][0]["name"], self.listed)
        self.assertIn(".Suffix", out["show"]["template"])
        self.assertIn("format", out["refused"])

    def test_openai_from_pypi(self):
        out = self.output(pip("openai"), "openai", sys.executable, "-c", script="""
import json, os, openai
client = openai.OpenAI(base_url=os.environ["URL"] + "/v1", api_key="k")
asked = dict(model="any", prompt="def add(a, b):\\n    return ", suffix="\\n", max_tokens=8)
whole = client.completions.create(**asked)
streamed = "".join(part.choices[0].text for part in client.completions.create(stream=True, **asked))
several = client.completions.create(model="any", prompt=["a = ", "b = "], n=2, max_tokens=2, logprobs=1)
try:
    client.chat.completions.create(model="any", messages=[{"role": "user", "content": "hi"}], max_tokens=2)
    chat = 200
except openai.APIStatusError as error:
    chat = error.status_code
print(json.dumps({"whole": whole.choices[0].text, "streamed": streamed, "several": len(several.choices),
                  "logprobs": len(several.choices[0].logprobs.tokens), "chat": chat}))
""")
        self.assertEqual(out["whole"], self.expected)
        self.assertEqual(out["streamed"], self.expected)
        self.assertEqual(out["several"], 4)
        self.assertGreaterEqual(out["logprobs"], 1)
        self.assertEqual(out["chat"], 501)  # the embedded model has no chat template, and says so

    def test_the_document_is_valid(self):
        out = self.output(pip("openapi-spec-validator"), "openapi-spec-validator", sys.executable, "-c", script=f"""
import json
from openapi_spec_validator import validate
validate(json.load(open({str(harness.ROOT / "docs/openapi.json")!r})))
print("{{}}")
""")
        self.assertEqual(out, {})


if __name__ == "__main__":
    harness.main()
