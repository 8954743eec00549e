# SPDX-License-Identifier: Apache-2.0
"""The API of requests over an attested channel: an application that tells what it was asked."""

import io
import pathlib
import runpy
import warnings

import conftest
import pytest

import blindbox
from blindbox import requests


@pytest.fixture(scope="module")
def session(echo, echo_policy):
    with requests.Session(echo_policy, echo) as made:
        yield made


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods(echo, echo_policy, method):
    told = getattr(requests, method.lower())(echo + "/a?b=%20c", policy=echo_policy).json()
    assert (told["method"], told["path"]) == (method, "/a?b=%20c")
    assert told["fields"]["host"] == echo[len("https://"):]
    assert requests.request(method, echo, policy=echo_policy).json()["method"] == method


def test_head(echo, session):
    answer = session.head(echo + "/large")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "3000000")
    assert session.get(echo + "/").status_code == 200  # the connection is in step


def test_bodies(echo, session):
    def sent(**options):
        return session.post(echo, **options).json()
    assert sent(json={"a": "é"})["fields"]["content-type"] == "application/json"
    assert sent(data={"a": "b c"})["body"] == "a=b+c"
    assert sent(data=b"\x00\xff")["body"] == "\x00\xff"
    assert sent(data="text")["body"] == "text"
    assert sent()["fields"]["content-length"] == "0"
    assert sent(data=io.BytesIO(b"y" * 200_000))["fields"]["content-length"] == "200000"
    chunked = sent(data=iter([b"one ", b"", b"two"]))
    assert (chunked["body"], chunked["fields"].get("content-length")) == ("one two", None)
    form = sent(files={"audio": ("a.wav", b"RIFF")}, data={"k": "v"})
    assert form["fields"]["content-type"].startswith("multipart/form-data; boundary=") and "RIFF" in form["body"]


def test_a_body_of_another_length_than_stated(echo, session):
    with pytest.raises(blindbox.UsageError, match="length differ"):
        session.post(echo, data=iter([b"123"]), headers={"Content-Length": "5", "Transfer-Encoding": ""})
    assert session.get(echo).status_code == 200


def test_fields_auth_and_parameters(echo, session):
    told = session.get(echo, params={"q": "a b"}, auth=("me", "secret"), headers={"X-Own": "ä"}).json()
    assert told["path"] == "/?q=a+b" and told["fields"]["authorization"].startswith("Basic ")
    assert told["fields"]["x-own"].encode("latin-1") == "ä".encode("latin-1")
    with pytest.raises(requests.exceptions.InvalidHeader):
        session.get(echo, headers={"X-Own": "a\r\nX-Other: b"})
    with pytest.raises(requests.exceptions.InvalidHeader):
        session.get(echo, headers={"X-Own": "☃"})


def test_the_channels_own_paths(echo, session):
    with pytest.raises(blindbox.UsageError, match="belongs to the attested channel"):
        session.post(echo + "/.well-known/blindbox/attestation", data=b"x")


def test_cookies(echo, echo_policy):
    with requests.Session(echo_policy) as session:
        assert session.get(echo + "/cookies").cookies["crumb"] == "1"
        assert session.get(echo).json()["fields"]["cookie"] == "crumb=1"


def test_answers(echo, session):
    assert session.get(echo + "/gzip").text == "squeezed " * 1000
    assert len(session.get(echo + "/large").content) == 3_000_000
    answer = session.get(echo + "/status/404")
    assert (answer.ok, answer.reason, answer.text, answer.url) == (False, "Not Found", "so it is", echo + "/status/404")
    with pytest.raises(requests.HTTPError):
        answer.raise_for_status()
    assert session.get(echo + "/status/204").content == b""
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        session.get(echo + "/broken")
    with session.get(echo + "/gzip", stream=True) as answer:
        assert answer.raw.read(20, decode_content=True) == b"squeezed squeezed sq"


def test_redirects(echo, echo_policy, far_end):
    end = far_end(lambda end, connection: None)
    elsewhere = f"https://127.0.0.1:{end.port}/x"
    with requests.Session(echo_policy) as session:
        def ask(to, **options):
            return session.get(echo + "/redirect", headers={"X-To": to}, **options)
        answer = ask("/after?it=1")
        assert answer.json()["path"] == "/after?it=1" and len(answer.history) == 1
        assert ask(echo + "/absolute").json()["path"] == "/absolute"
        for to in (elsewhere, elsewhere.replace("https", "http"), f"//127.0.0.1:{end.port}/"):
            with pytest.raises(blindbox.OtherServerError, match="redirects to"):
                ask(to)
            assert ask(to, allow_redirects=False).status_code == 302
    assert not end.accepted.acquire(blocking=False)


def test_other_servers(echo, echo_policy, far_end):
    end = far_end(lambda end, connection: None)
    with requests.SecureSession(echo, echo_policy) as session:
        for url in (end.url, end.url.replace("https", "http"), "//example.org/", "https://example.org", echo.replace("127.0.0.1", "127.0.0.2")):
            with pytest.raises(blindbox.OtherServerError):
                session.get(url)
    assert not end.accepted.acquire(blocking=False)


def test_proxies(echo, echo_policy, far_end, monkeypatch):
    end = far_end(lambda end, connection: None)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{end.port}")
    assert requests.get(echo, policy=echo_policy).status_code == 200
    with requests.Session(echo_policy) as session:
        session.trust_env = True
        assert session.get(echo).status_code == 200
        with pytest.raises(blindbox.UsageError, match="no proxy"):
            session.get(echo, proxies={"https": f"http://127.0.0.1:{end.port}"})
    assert not end.accepted.acquire(blocking=False)


def test_verify_has_no_say(echo, echo_policy, policy):
    """The usual way around certificates is none around attestation, and says so before anything is sent."""
    refused = pytest.raises(blindbox.UsageError, match="cannot be switched off")
    with refused:
        requests.get(echo, policy=echo_policy, verify=False)
    with requests.Session(echo_policy, echo) as session:
        with refused:
            session.get(echo, verify=False)
        session.verify = False
        with refused:
            session.get(echo)
        with refused:
            session.send(session.prepare_request(requests.Request("GET", echo)))
        session.verify = "/no/such/bundle.pem"
        assert session.get(echo).ok
    strict = blindbox.Policy.parse(pathlib.Path(policy).read_text().partition("unsafe:")[0])
    with pytest.raises(blindbox.WrongAttester):
        requests.get(echo, policy=strict, verify="/no/such/bundle.pem")


def test_streaming(echo, session, held):
    with session.get(echo + "/events", stream=True) as answer:
        lines = answer.iter_lines()
        assert next(lines) == b"data: one"  # while the server waits for us
        held.set()
        assert [line for line in lines if line] == [b"data: two"]


def test_an_answer_outlives_its_one_shot_session(echo, echo_policy, held):
    answer = requests.get(echo + "/events", policy=echo_policy, stream=True)
    held.set()
    assert answer.text == "data: one\n\ndata: two\n\n"


def test_closing_an_answer_ends_the_work(echo, session, held):
    with session.get(echo + "/endless", stream=True) as answer:
        assert next(answer.iter_content(100)).startswith(b"data: more")
    assert held.wait(60)
    assert session.get(echo).status_code == 200


def test_time_limits(echo, session, held):
    with pytest.raises(requests.ReadTimeout):
        session.get(echo + "/hold", timeout=(60, 0.1))
    with pytest.raises(requests.ReadTimeout):
        session.get(echo + "/hold", timeout=0.1)
    with session.get(echo + "/events", stream=True, timeout=(60, 0.2)) as answer:
        with pytest.raises(requests.ConnectionError):  # as requests tells a stall in the body
            answer.content
    for seconds in (60, 1e10, 1e300, float("inf")):
        assert session.get(echo, timeout=seconds).status_code == 200
    with pytest.raises(ValueError):
        session.get(echo, timeout=0)


def test_connections_are_kept(echo_gateway, echo_policy):
    gateway = echo_gateway()
    with requests.Session(echo_policy) as session:
        for _ in range(5):
            assert session.get(gateway.url).status_code == 200
        assert session.verdict and session.verdict.emulated
    counted = gateway.stop()
    assert (counted["connections"], counted["challenges"], counted["requests"]) == (1, 1, 5)


def test_nothing_is_read_of_the_working_directory(echo, echo_policy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yml").write_text(pathlib.Path(echo_policy).read_text())
    with pytest.raises(blindbox.PolicyError, match="no policy was given"):
        requests.get(echo)
    own = tmp_path / "config" / "blindbox"
    own.mkdir(parents=True)
    (own / "policy.yml").write_text(pathlib.Path(echo_policy).read_text())
    assert requests.get(echo).status_code == 200


def test_the_client_of_2023(echo, echo_policy):
    from blindbox.requests import SecureSession, requests as inner
    from blindbox.requests.secure_session import connect
    with SecureSession(echo.replace("https", "http"), echo_policy) as session:
        assert session.base_url == echo.replace("https", "http")
        assert session.post(endpoint="/enclave/predict", files={"audio": b"RIFF"}).json()["path"] == "/enclave/predict"
        assert session.get("/enclave").json()["method"] == "GET"
        assert session.put("/enclave", b"x").json()["body"] == "x"
        assert session.post("/enclave", None, {"a": 1}).json()["body"] == '{"a": 1}'
        for name in ("patch", "delete", "options"):
            assert getattr(session, name)("/enclave").json()["method"] == name.upper()
        assert session.head("/enclave").status_code == 200
    assert isinstance(connect(echo, echo_policy), SecureSession)
    assert inner.get(echo, cce_policy=echo_policy).status_code == 200
    with pytest.raises(requests.exceptions.MissingSchema):
        SecureSession(None)
    with pytest.raises(requests.exceptions.ContentDecodingError):
        SecureSession(echo)
    with pytest.raises(blindbox.UsageError, match="cannot be switched off"):
        SecureSession(echo, echo_policy, debug_mode=True)
    with pytest.warns(DeprecationWarning, match="attestation_endpoint"):
        SecureSession(echo, echo_policy, "shared.attest.azure.net")


def test_an_emulated_guest_is_told(echo, echo_policy):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with requests.Session(echo_policy) as session:
            session.get(echo)
            session.get(echo)
    assert [str(one.message) for one in told if one.category is blindbox.EmulatedWarning] == [
        f"{echo[8:]}: EMULATED, NOT A TEE: whoever runs that machine can read everything"]


def test_the_seeds_query(server, policy, monkeypatch, tmp_path, capsys):
    """The example of 2023, its address alone changed."""
    script = (conftest.ROOT / "sdk" / "python" / "examples" / "query.py").read_text()
    path = tmp_path / "query.py"
    path.write_text(script.replace("127.0.0.1:80", f"127.0.0.1:{server.port}"))
    monkeypatch.setenv("BLINDBOX_POLICY", policy)
    runpy.run_path(str(path), run_name="__main__")
    assert '"text"' in capsys.readouterr().out
