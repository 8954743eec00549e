# SPDX-License-Identifier: Apache-2.0
"""Every kind of far end that must not get a byte: the right error, and what reached it counted there."""

import pathlib
import socket
import ssl
import threading

import conftest
import pytest

import blindbox
from blindbox import errors, requests


def post(url, policy, **options):
    return requests.post(url + "/generate", json={"input_text": conftest.HIDDEN}, policy=policy, **options)


def refused(kind, url, policy):
    """By every way in, the same error."""
    with pytest.raises(kind) as caught:
        post(url, policy)
    assert type(caught.value) is kind
    with pytest.raises(kind):
        requests.SecureSession(url, policy)
    return caught.value


def test_a_debug_guest(counted, policy):
    server = counted("debug", "--debug")
    error = refused(blindbox.DebugMode, server.url, policy)
    assert error.failed[0].id == "sev_snp.policy.debug_disabled"
    assert "the guest can be debugged" in str(error) or "debug" in str(error)
    assert not error.verdict and error.verdict.stage == "not_acceptable"
    counts = counted.stop(server)
    assert (counts["application_bytes"], counts["requests"]) == (0, 0) and counts["challenges"] >= 2


def test_another_measurement(counted, policy):
    server = counted("other", "--measurement", "cd" * 48)
    error = refused(blindbox.InvalidEnclaveCode, server.url, policy)
    assert error.failed[0].id == "sev_snp.measurement" and error.failed[0].actual == "cd" * 48
    assert error.failed[0].purpose and "sev_snp.measurement: expected" in error.detail
    assert counted.stop(server)["application_bytes"] == 0


def test_an_emulator_that_the_policy_does_not_name(counted, policy, tmp_path):
    server = counted("guest")
    text = pathlib.Path(policy).read_text()
    strict = blindbox.Policy.parse(text[: text.index("unsafe:")])
    error = refused(blindbox.WrongAttester, server.url, strict)
    assert isinstance(error, blindbox.NotAnEnclaveError) and error.failed[0].id == "sev_snp.root"
    assert counted.stop(server)["application_bytes"] == 0


def test_a_relay_in_the_middle(far_end, certificate, server, policy):
    """It ends TLS itself and passes the challenge on to the genuine server: the evidence is about another connection."""
    outward = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    outward.check_hostname, outward.verify_mode = False, ssl.CERT_NONE

    def relay(end, connection):
        with conftest.tls_context(certificate).wrap_socket(connection, server_side=True) as inside, \
                outward.wrap_socket(socket.create_connection(("127.0.0.1", server.port))) as outside:
            def back():
                try:
                    while piece := outside.recv(65536):
                        inside.sendall(piece)
                except (OSError, ValueError):
                    pass
            thread = threading.Thread(target=back)
            thread.start()
            try:
                while piece := inside.recv(65536):
                    end.seen += piece
                    outside.sendall(piece)
            finally:
                outside.shutdown(socket.SHUT_RDWR)
                thread.join()

    end = far_end(relay)
    with pytest.raises(blindbox.FalseAttestationReport) as caught:
        post(end.url, policy)
    assert caught.value.failed[0].id == "sev_snp.report_data"
    nonce, more = conftest.challenge_and_rest(end.seen)
    assert len(nonce) == 36 and more == b""
    assert conftest.HIDDEN.encode() not in end.seen


def a_web_server(certificate, version, answer):
    def serve(end, connection):
        with conftest.tls_context(certificate, version).wrap_socket(connection, server_side=True) as inside:
            while b"\r\n\r\n" not in end.seen:
                end.seen += inside.recv(65536)
            inside.sendall(answer)
            while piece := inside.recv(65536):
                end.seen += piece
    return serve


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\nContent-Length: 3\r\n\r\n\xa1\x01\x02",
    b"220 mail ready\r\n",
], ids=["a web server", "broken evidence", "no HTTP"])
def test_an_https_server(far_end, certificate, policy, answer):
    end = far_end(a_web_server(certificate, ssl.TLSVersion.TLSv1_3, answer))
    with pytest.raises(blindbox.NotAnEnclaveError) as caught:
        post(end.url, policy)
    assert caught.value.verdict is None and caught.value.failed == ()
    assert conftest.HIDDEN.encode() not in end.seen
    assert conftest.challenge_and_rest(end.seen)[1] == b""


def test_an_old_https_server(far_end, certificate, policy):
    end = far_end(a_web_server(certificate, ssl.TLSVersion.TLSv1_2, b""))
    with pytest.raises(blindbox.NotAnEnclaveError):
        post(end.url, policy)
    assert end.seen == b""


def test_a_plain_http_server(far_end, policy):
    def serve(end, connection):
        end.seen += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        while piece := connection.recv(65536):
            end.seen += piece
    end = far_end(serve)
    with pytest.raises(blindbox.NotAnEnclaveError):
        post(end.url.replace("https", "http"), policy)
    assert end.seen[:1] == b"\x16" and conftest.HIDDEN.encode() not in end.seen  # a TLS handshake, and no more


def test_nobody_there(policy):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"https://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(requests.ConnectionError) as caught:
        post(url, policy)
    assert isinstance(caught.value.__cause__, blindbox.NetworkError)
    assert "cannot connect to 127.0.0.1" in str(caught.value)


def test_a_server_without_an_answer(far_end, policy):
    """Bounded by the caller's connect timeout: the evidence is part of connecting."""
    held = threading.Event()
    end = far_end(lambda end, connection: held.wait())
    try:
        with pytest.raises(requests.ConnectTimeout):
            post(end.url, policy, timeout=(0.2, 5))
        with pytest.raises(blindbox.NetworkError) as caught:
            blindbox.verify(end.url, policy, timeout=0.2)
        assert caught.value.timed_out and caught.value.phase == "connect"
    finally:
        held.set()


def test_another_server_takes_its_place(stage, counted, policy):
    """A session that was accepted does not carry its verdict over."""
    first = counted("first")
    with requests.Session(policy, first.url) as session:
        assert session.get(first.url + "/health").status_code == 200
        port = first.port
        counted.stop(first)
        stage.emulator("impostor", "--measurement", "ab" * 48)
        impostor = stage.serve("impostor", port=port)
        try:
            with pytest.raises(blindbox.InvalidEnclaveCode):
                session.post(impostor.url + "/generate", json={"input_text": conftest.HIDDEN})
        finally:
            _, lines = impostor.process.stop()
    assert conftest.harness.counters(lines)["application_bytes"] == 0


def test_evidence_is_asked_for_anew(counted, policy):
    server = counted("guest")
    with requests.Session(policy, server.url, attest_every=0.001) as session:
        for _ in range(3):
            assert session.get(server.url + "/health").status_code == 200
    counts = counted.stop(server)
    assert (counts["connections"], counts["challenges"], counts["requests"]) == (1, 3, 3)


def test_every_check_raises_something_of_its_own():
    from blindbox import _native
    ids = _native.check_ids()
    assert len(ids) > 70
    assert [one for one in ids if errors.class_for_check(one) is blindbox.AttestationError] == []
    used = {next(pattern for pattern, _ in errors.CHECKS if pattern == one or (
        pattern.endswith(".*") and one.startswith(pattern[:-1]))) for one in ids}
    assert used == {pattern for pattern, _ in errors.CHECKS}


def test_the_documents_have_the_table():
    page = (conftest.ROOT / "docs" / "python.md").read_text()
    for pattern, kind in errors.CHECKS:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{kind.__name__}`"))
        assert f"`{pattern}`" in row, (pattern, row)
