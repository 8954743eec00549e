# SPDX-License-Identifier: Apache-2.0
"""Asks a server for what belongs into a hole, greedily: by /infill, by OpenAI's completions, or token by token in an order
of our own choice."""

import http.client
import json
import threading
import time
import urllib.parse

MOST = 8 << 20  # bytes of an answer
PATIENCE = 600  # seconds
BUSY = 20  # times that a server may say that it is busy before it is given up
FAMILIES = [("<fim-prefix>", "<fim-suffix>", "<fim-middle>"), ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
            ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
            ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>")]


class Refused(Exception):
    """The server answered, and not with a completion: for one, the hole does not fit into its context."""


class Server:
    """One connection for each thread that asks."""

    def __init__(self, url, key=None):
        parts = urllib.parse.urlsplit(url if "//" in url else "http://" + url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is no http:// or https:// address")
        self._make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._at = (parts.hostname, parts.port)
        self._base = parts.path.rstrip("/").removesuffix("/v1")
        self._fields = {"Content-Type": "application/json"} | ({"Authorization": "Bearer " + key} if key else {})
        self._mine = threading.local()
        self._families = {}
        self._ours = True

    def _exchange(self, method, path, body):
        for attempt in (1, 2):  # a kept connection may have been closed meanwhile
            connection = getattr(self._mine, "connection", None) or self._make(*self._at, timeout=PATIENCE)
            self._mine.connection = connection
            try:
                connection.request(method, self._base + path, None if body is None else json.dumps(body), self._fields)
                answer = connection.getresponse()
                return answer, answer.read(MOST + 1)
            except (http.client.RemoteDisconnected, ConnectionError):
                connection.close()
                self._mine.connection = None
                if attempt == 2:
                    raise

    def ask(self, method, path, body=None):
        for _ in range(BUSY):
            answer, text = self._exchange(method, path, body)
            if answer.status not in (429, 503):
                break
            wait = answer.getheader("Retry-After", "")
            time.sleep(min(int(wait) if wait.isdigit() else 1, PATIENCE))
        if len(text) > MOST:
            raise Refused(f"an answer of more than {MOST} bytes")
        if answer.status in (400, 422):
            raise Refused(text[:500].decode("utf-8", "replace"))
        if answer.status != 200:
            raise OSError(f"{method} {path} was answered {answer.status}: {text[:500].decode('utf-8', 'replace')}")
        return json.loads(text)

    def model(self):
        return self.ask("GET", "/v1/models")["data"][0]["id"]

    def complete(self, hole, order, most, rules):
        """The text and whether the model ended it. order: "model" (as the server does it), "psm", "spm" or "openai"."""
        if order == "openai":
            answer = self.by_openai({"model": "any", "prompt": hole.before, "suffix": hole.after, "max_tokens": most,
                                     "temperature": 0}, rules)["choices"][0]
            return answer["text"], answer["finish_reason"] == "stop"
        asked = {"n_predict": most, "temperature": 0, "top_k": 1, "samplers": ["top_k"], "cache_prompt": True}
        if not rules:
            asked["stop_rules"] = []
        if order == "model":
            asked |= {"input_prefix": hole.before, "input_suffix": hole.after}
            answer = self.ask("POST", "/infill", asked)
        else:
            answer = self.ask("POST", "/completion", asked | {"prompt": self.frame(hole, order)})
        return answer["content"], answer["stop_type"] == "eos"

    def by_openai(self, asked, rules):
        if not rules and self._ours:
            try:
                return self.ask("POST", "/v1/completions", asked | {"stop_rules": []})
            except Refused as refused:
                if "stop_rules" not in str(refused):
                    raise
                self._ours = False  # a server of others, which takes no field that it does not know
        return self.ask("POST", "/v1/completions", asked)

    def tokens(self, text, markup):
        return self.ask("POST", "/tokenize", {"content": text, "parse_special": markup, "add_special": False})["tokens"]

    def markers(self):
        """The ids of the loaded model's three markers, found by what its tokenizer takes for one token each."""
        for family in FAMILIES:
            ids = self._families.get(family) or [self.tokens(marker, True) for marker in family]
            self._families[family] = ids
            if all(len(one) == 1 for one in ids):
                return [one[0] for one in ids]
        raise Refused("the model has no markers for holes that are known here")

    def frame(self, hole, order):
        prefix, suffix, middle = self.markers()
        before, after = self.tokens(hole.before, False), self.tokens(hole.after, False)
        if order == "psm":
            return [prefix, *before, suffix, *after, middle]
        return [prefix, suffix, *after, middle, *before]
