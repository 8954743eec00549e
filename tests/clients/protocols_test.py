# SPDX-License-Identifier: Apache-2.0
"""Requests in the form that llm-ls (llm-vscode, llm.nvim), Continue, Twinny and Copilot send, through connect to serve: these
plugins do not run outside their editors."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import harness  # noqa: E402
import wire  # noqa: E402

PREFIX, SUFFIX = "def add(a, b):\n    return ", "\n"
STARCODER = f"<fim_prefix>{PREFIX}<fim_suffix>{SUFFIX}<fim_middle>"
QWEN = f"<|fim_prefix|>{PREFIX}<|fim_suffix|>{SUFFIX}<|fim_middle|>"
STOPS = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>", "<|endoftext|>", "\n\n", "/src/"]


class Protocols(harness.ChannelTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        hole = {"input_prefix": PREFIX, "input_suffix": SUFFIX, "n_predict": 8, "temperature": 0, "stop_rules": []}
        cls.expected = cls.ask("/infill", hole).json()["content"]
        assert cls.expected

    @classmethod
    def ask(cls, path, body, method="POST"):
        answer = wire.ask(cls.proxy.port, method, path, body)
        assert answer.status == 200, answer
        return answer

    def events(self, path, body):
        answer = self.ask(path, body)
        self.assertTrue(answer.fields["content-type"].startswith("text/event-stream"), answer.fields)
        return answer.events()

    def test_llm_ls_at_a_tgi_server(self):
        body = {"model": "bigcode/starcoder", "inputs": STARCODER, "stream": False, "parameters": {
            "max_new_tokens": 8, "temperature": 0.01, "do_sample": False, "top_p": 0.95, "stop": ["<|endoftext|>"],
            "stop_rules": []}}
        self.assertEqual(self.ask("/generate", body).json()["generated_text"], self.expected)
        self.assertEqual(self.ask("/", body).json()[0]["generated_text"], self.expected)

    def test_continue_at_a_llama_cpp_server(self):
        body = {"prompt": QWEN, "n_predict": 8, "temperature": 0, "stream": True, "stop": STOPS, "cache_prompt": True,
                "stop_rules": []}
        told = self.events("/completion", body)
        self.assertEqual("".join(part["content"] for part in told), self.expected.split("\n\n")[0], "a stop word ends it")
        self.assertTrue(told[-1]["stop"])

    def test_continue_at_an_openai_server(self):
        asked = {"model": "any", "max_tokens": 8, "temperature": 0, "stream": True, "stop": STOPS[:4], "stop_rules": []}
        for hole in ({"prompt": STARCODER}, {"prompt": PREFIX, "suffix": SUFFIX}):
            told = self.events("/v1/completions", {**asked, **hole})
            self.assertEqual(told.pop(), "[DONE]")
            self.assertEqual("".join(event["choices"][0]["text"] for event in told), self.expected)

    def test_copilot_deepseek_and_azure_under_their_bases(self):
        """Each puts its own base before the path; a base that ends in a slash makes one too many."""
        asked = {"prompt": PREFIX, "suffix": SUFFIX, "max_tokens": 8, "temperature": 0, "stop_rules": []}
        for path in ("/v1/engines/copilot-codex/completions", "/beta/completions", "//v1/completions/",
                     "/openai/deployments/any/completions?api-version=2024-02-01", "/completions"):
            self.assertEqual(self.ask(path, asked).json()["choices"][0]["text"], self.expected, path)
            told = self.events(path, {**asked, "stream": True})
            self.assertEqual(told.pop(), "[DONE]")
            self.assertEqual("".join(event["choices"][0]["text"] for event in told), self.expected, path)

    def test_a_prompt_that_was_cut_within_a_character(self):
        """JavaScript's slice() cuts where it likes and tells the half as an escape."""
        body = b'{"prompt":"\\ude00 = 1\\n","n_predict":2,"temperature":0}'
        answer = wire.ask(self.proxy.port, "POST", "/completion", body)
        self.assertEqual(answer.status, 200, answer)
        whole = {"prompt": "\ufffd = 1\n", "n_predict": 2, "temperature": 0}
        self.assertEqual(answer.json()["content"], self.ask("/completion", whole).json()["content"])

    def test_a_long_prompt_at_an_ollama_server_loses_its_beginning(self):
        asked = {"model": "any", "raw": True, "stream": False, "options": {"num_predict": 4, "temperature": 0}}
        answer = self.ask("/api/generate", {**asked, "prompt": "a = 1\n" * 2000}).json()
        self.assertTrue(answer["done"])
        self.assertEqual(wire.ask(self.proxy.port, "POST", "/v1/completions", {"prompt": "a = 1\n" * 2000}).status, 400)

    def test_continue_and_twinny_at_an_ollama_server(self):
        shown = self.ask("/api/show", {"name": "any"}).json()
        self.assertIn(".Suffix", shown["template"], "Continue fills holes only where it sees this")
        asked = {"model": "any", "stream": True, "keep_alive": 1800,
                 "options": {"num_predict": 8, "temperature": 0, "stop": STOPS[:4]}, "stop_rules": []}
        for hole in ({"prompt": STARCODER, "raw": True}, {"prompt": PREFIX, "suffix": SUFFIX}):
            told = [json.loads(line) for line in self.ask("/api/generate", {**asked, **hole}).body.splitlines()]
            self.assertEqual("".join(part["response"] for part in told), self.expected)
            self.assertTrue(told[-1]["done"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
