# SPDX-License-Identifier: Apache-2.0
"""The transports for httpx and httpx2, on threads, asyncio and trio, and the openai package above them."""

import asyncio
import importlib
import re

import conftest
import pytest

import blindbox

LIBRARIES = [name for name in ("httpx", "httpx2") if importlib.util.find_spec(name)]


@pytest.fixture(params=LIBRARIES)
def library(request):
    return importlib.import_module(request.param)


@pytest.fixture
def ours(library):
    return importlib.import_module("blindbox." + library.__name__)


@pytest.fixture
def client(library, ours, echo, echo_policy):
    with library.Client(transport=ours.Transport(echo, echo_policy), base_url=echo, timeout=60) as made:
        yield made


def test_requests(client, echo):
    told = client.post("/a?b=c", json={"k": 1}, headers={"X-Own": "1"}).json()
    assert (told["path"], told["fields"]["x-own"], told["body"].replace(" ", "")) == ("/a?b=c", "1", '{"k":1}')
    assert client.get("/gzip").text == "squeezed " * 1000
    answer = client.get("/status/404")
    assert (answer.status_code, answer.reason_phrase, answer.http_version) == (404, "Not Found", "HTTP/1.1")
    assert client.post("/", content=iter([b"one ", b"two"])).json()["body"] == "one two"
    assert len(client.post("/", content=b"z" * 2_000_000).json()["body"]) == 2_000_000
    assert client.head("/large").headers["content-length"] == "3000000"
    assert client.delete("/").json()["method"] == "DELETE"


def test_streaming(client, held):
    with client.stream("GET", "/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "data: one"
        held.set()
        assert [line for line in lines if line] == ["data: two"]
    held.clear()
    with client.stream("GET", "/endless") as answer:
        assert next(answer.iter_bytes()).startswith(b"data: more")
    assert held.wait(60)


def test_failures(library, ours, client, echo, echo_policy, held, far_end):
    with pytest.raises(library.ReadTimeout):
        client.get("/hold", timeout=library.Timeout(60, read=0.1))
    with pytest.raises(library.ReadError):
        client.get("/broken")
    end = far_end(lambda end, connection: held.wait())
    with library.Client(transport=ours.Transport(end.url, echo_policy)) as other:
        with pytest.raises(library.ConnectTimeout):
            other.get(end.url, timeout=0.1)
    held.set()
    for url in (end.url, f"http://127.0.0.1:{end.port}/", "https://example.org/"):
        with pytest.raises(blindbox.OtherServerError):
            client.get(url)
    with pytest.raises(blindbox.OtherServerError):
        client.get("/redirect", headers={"X-To": end.url}, follow_redirects=True)
    assert client.get("/redirect", headers={"X-To": "/b"}, follow_redirects=True).json()["path"] == "/b"


def test_refusal(library, ours, counted, policy):
    server = counted("other", "--measurement", "cd" * 48)
    transport = ours.Transport(server.url, policy)
    with pytest.raises(blindbox.InvalidEnclaveCode):
        transport.verify()
    with library.Client(transport=transport) as client, pytest.raises(blindbox.InvalidEnclaveCode):
        client.post(server.url, content=conftest.HIDDEN)
    assert counted.stop(server)["application_bytes"] == 0


def test_proxies_of_the_environment(library, ours, echo, echo_policy, far_end, monkeypatch):
    end = far_end(lambda end, connection: None)
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{end.port}")
    with library.Client(transport=ours.Transport(echo, echo_policy)) as client:
        assert client.get(echo).status_code == 200
    assert not end.accepted.acquire(blocking=False)


async def ask_many(library, ours, echo, echo_policy):
    async with library.AsyncClient(transport=ours.AsyncTransport(echo, echo_policy), base_url=echo, timeout=60) as client:
        answers = await asyncio.gather(*[client.post("/", content=str(n)) for n in range(32)])
        assert [answer.json()["body"] for answer in answers] == [str(n) for n in range(32)]

        async def pieces():
            yield b"one "
            yield b"two"
        assert (await client.post("/", content=pieces())).json()["body"] == "one two"
        async with client.stream("GET", "/events") as answer:
            lines = answer.aiter_lines()
            assert await lines.__anext__() == "data: one"
            assert (await client.get("/")).status_code == 200  # the loop is free meanwhile
            conftest.Echo.held.set()
            assert [line async for line in lines if line] == ["data: two"]
        conftest.Echo.held.clear()
        with pytest.raises(library.ReadTimeout):
            await client.get("/hold", timeout=library.Timeout(60, read=0.1))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.get("/endless"), 0.2)


def test_asyncio(library, ours, echo, echo_policy, held):
    asyncio.run(ask_many(library, ours, echo, echo_policy))
    assert held.wait(60)  # the cancelled one's work has ended


def test_trio(library, ours, echo, echo_policy):
    trio = pytest.importorskip("trio")

    async def ask():
        async with library.AsyncClient(transport=ours.AsyncTransport(echo, echo_policy)) as client:
            assert (await client.get(echo)).status_code == 200
    trio.run(ask)


PROMPT = "def add(a, b):\n    return "


def test_openai(server, policy):
    import blindbox.openai
    with blindbox.openai.client(server.url, policy) as client:
        assert client.api_key == "blindbox"
        answer = client.completions.create(model="blindbox", prompt=PROMPT, suffix="\n", max_tokens=8, temperature=0)
        assert re.search(r"\w", answer.choices[0].text)
        streamed = client.completions.create(model="blindbox", prompt=PROMPT, suffix="\n", max_tokens=8, temperature=0,
                                             stream=True)
        assert "".join(part.choices[0].text for part in streamed if part.choices) == answer.choices[0].text


def test_async_openai(server, policy):
    import blindbox.openai

    async def ask():
        async with blindbox.openai.async_client(server.url, policy) as client:
            answers = await asyncio.gather(*[
                client.completions.create(model="blindbox", prompt=PROMPT, max_tokens=4, temperature=0) for _ in range(3)])
            assert all(answer.choices[0].text for answer in answers)
            streamed = await client.completions.create(model="blindbox", prompt=PROMPT, max_tokens=4, temperature=0,
                                                        stream=True)
            parts = [part.choices[0].text async for part in streamed if part.choices]
            assert "".join(parts) == answers[0].choices[0].text
    asyncio.run(ask())


def test_openai_to_somebody_else(counted, policy):
    import openai

    import blindbox.openai
    server = counted("other", "--measurement", "cd" * 48)
    with pytest.raises(blindbox.InvalidEnclaveCode):
        blindbox.openai.client(server.url, policy)
    counts = counted.stop(server)
    assert (counts["application_bytes"], counts["challenges"]) == (0, 1)
    genuine = counted("guest")
    with blindbox.openai.client(genuine.url, policy, max_retries=0) as client:
        counted.stop(genuine)
        with pytest.raises(openai.APIConnectionError):
            client.completions.create(model="x", prompt=conftest.HIDDEN)
