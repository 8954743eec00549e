# SPDX-License-Identifier: Apache-2.0
"""blindbox.verify(), verdicts and policies."""

import base64
import copy
import datetime
import hashlib
import json
import os
import pathlib
import pickle

import conftest
import pytest

import blindbox
import blindbox.requests

VECTORS = pathlib.Path(os.environ.get("BLINDBOX_VECTORS", conftest.ROOT.parent / "shared" / "vectors"))


def test_a_server(stage, server, policy):
    verdict = blindbox.verify(server.url, policy)
    assert verdict and verdict.accepted and verdict.emulated and verdict.stage == "accepted" and verdict.failed == ()
    assert verdict.raise_for_refusal() is verdict and verdict.error() is None
    assert abs(verdict.judged_at - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=5)
    told = json.loads(stage.run("verify", server.url, "--policy", policy, "--json").out)
    ours = verdict.to_dict()
    assert [c["id"] for c in ours["checks"]] == [c["id"] for c in told["checks"]]
    assert [c["outcome"] for c in ours["checks"]] == [c["outcome"] for c in told["checks"]]
    assert set(ours) == set(told) - {"sources"} and "EMULATED, NOT A TEE" in str(verdict)


def test_a_refused_server(counted, policy):
    server = counted("debug", "--debug")
    verdict = blindbox.verify(server.url, policy)
    assert not verdict and verdict.failed[0].id == "sev_snp.policy.debug_disabled"
    with pytest.raises(blindbox.DebugMode) as caught:
        verdict.raise_for_refusal()
    assert caught.value.verdict is verdict
    assert counted.stop(server)["application_bytes"] == 0


def test_without_a_policy(server):
    """The safe defaults trust no emulator."""
    verdict = blindbox.verify(server.url)
    assert not verdict and verdict.failed[0].id == "sev_snp.root"
    assert "no expected software" in verdict.notes[0]


def test_files():
    folder = VECTORS / "evidence" / "sev-snp" / "turin-v5-aci-tav"
    if not folder.is_dir():
        pytest.skip(f"no real evidence at {VECTORS}; name it with BLINDBOX_VECTORS")
    roots = [folder.parent / "_roots" / name for name in ("turin_ask.der", "turin_ark.der")]
    sources = [folder / "report.bin", folder / "vcek.der", *roots]
    at = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
    offline = blindbox.Endorsements(offline=True)
    verdict = blindbox.verify(sources, at=at, endorsements=offline)
    assert verdict and not verdict.emulated and verdict.judged_at == at
    assert any("freshness was not asked about" in note for note in verdict.notes)
    fresh = blindbox.verify(sources, at=at, report_data=b"\1" * 64, endorsements=offline)
    assert not fresh and isinstance(fresh.error(), blindbox.FalseAttestationReport)
    with pytest.raises(blindbox.UsageError, match="report data has 5 bytes"):
        blindbox.verify(sources, at=at, report_data=b"short", endorsements=offline)
    with pytest.raises(blindbox.UsageError, match="no zone"):
        blindbox.verify(sources, at=at.replace(tzinfo=None))


def test_files_that_are_none(tmp_path):
    (tmp_path / "zeros").write_bytes(bytes(1184))
    zeros = blindbox.verify(tmp_path / "zeros")
    assert zeros.stage == "malformed" and isinstance(zeros.error(), blindbox.NotAnEnclaveError)
    (tmp_path / "noise").write_bytes(b"\x17 nothing of the kind")
    with pytest.raises(blindbox.NotAnEnclaveError):
        blindbox.verify(tmp_path / "noise")
    with pytest.raises(blindbox.UsageError):
        blindbox.verify(tmp_path / "absent")
    for source in ([], "", ["https://a", "https://b"], "ftp://a"):
        with pytest.raises(blindbox.UsageError):
            blindbox.verify(source)
    with pytest.raises(blindbox.UsageError, match="for files"):
        blindbox.verify("https://127.0.0.1:1", report_data=b"x")


def test_policies(policy, tmp_path):
    text = pathlib.Path(policy).read_text()
    assert str(blindbox.Policy.parse(str(blindbox.Policy.load(policy)))) == str(blindbox.Policy.parse(text))
    with pytest.raises(blindbox.PolicyError, match=r"mine:2:1: "):
        blindbox.Policy.parse("\nnonsense: 1\n", "mine")
    with pytest.raises(blindbox.PolicyError, match="cannot read"):
        blindbox.Policy.load(tmp_path / "absent")
    (tmp_path / "large").write_bytes(b"#" * (1 << 20) + b"#")
    with pytest.raises(blindbox.PolicyError, match="larger than"):
        blindbox.Policy.load(tmp_path / "large")


def test_a_policy_goes_to_other_processes(policy, tmp_path):
    (tmp_path / "plain.rego").write_bytes(b"package policy\n")
    for made in (blindbox.Policy.load(policy), blindbox.Policy.of(tmp_path / "plain.rego")):
        for other in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
            assert str(other) == str(made) and other.source == made.source and other.native.for_channel


@pytest.mark.parametrize("ending", ["", "\n"])
def test_container_policies(tmp_path, ending):
    """What clients of 2023 had: HOST_DATA is the digest of the decoded policy."""
    rego = b"package policy\n\napi_version := \"0.10.0\"\n"
    file = tmp_path / "cce_policy.txt"
    file.write_text(base64.b64encode(rego).decode() + ending)
    policy = str(blindbox.Policy.of(file))
    assert hashlib.sha256(rego).hexdigest() in policy and "uvm:" in policy
    (tmp_path / "plain.rego").write_bytes(rego)
    assert str(blindbox.Policy.from_container_policy(tmp_path / "plain.rego")) == policy
    file.write_text("bm90aGluZw==")
    with pytest.raises(blindbox.PolicyError):
        blindbox.Policy.of(file)


def test_a_container_policy_refuses_what_it_does_not_name(tmp_path, server):
    file = tmp_path / "cce_policy.txt"
    file.write_text(base64.b64encode(b"package policy\n").decode())
    with pytest.raises(blindbox.WrongAttester):
        blindbox.requests.SecureSession(server.url, str(file))
