# SPDX-License-Identifier: Apache-2.0
"""blindbox verify on real evidence from files: each case at its own date, and one case in every form."""

import base64
import concurrent.futures
import json
import struct
import subprocess
import sys
import textwrap

import harness
import schema
import vectors

AT = "2025-09-01"
GENUINE = "sev-snp/milan-v3-azcvm-lunal"


class FilesTest(harness.StageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Nothing is fetched here, nor found in a user's cache.
        cls.offline = ["--offline", "--cache-dir", str(cls.stage.folder / "cache")]

    def verify(self, *arguments, stdin=subprocess.DEVNULL):
        done = subprocess.run([harness.BINARY, "verify", *self.offline, *map(str, arguments)], stdin=stdin,
                              capture_output=True, cwd=self.stage.folder, env=self.stage.environment,
                              timeout=harness.PATIENCE, check=False)
        return harness.Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def each(self, function, items):
        """The results, several at a time."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(function, items))


class Cases(FilesTest):
    def judge(self, case):
        chain = [vectors.FOLDER / f"sev-snp/_roots/{case.chain}_{role}.der" for role in ["ask", "ark"] if case.chain]
        sources = [vectors.FOLDER / source for source in case.sources]
        return self.verify(*sources, *chain, "--at", case.at, "--json")

    def test_each_is_judged_as_its_manifest_says(self):
        stages = {0: "accepted", 3: "malformed", 4: "not_authentic", 5: "not_acceptable", 6: "could_not_fetch"}
        for case, ran in zip(vectors.CASES, self.each(self.judge, vectors.CASES)):
            with self.subTest(case.sources, chain=case.chain, at=case.at):
                self.assertEqual(ran.code, case.code, ran)
                verdict = schema.verdict(ran.out)
                self.assertEqual(verdict["stage"], stages[case.code])
                failed = [check["id"] for check in verdict["checks"] if check["outcome"] == "failed"]
                self.assertEqual(failed, [case.check] if case.check else [])
                self.assertEqual(bool(ran.err), bool(case.code))

    def test_there_is_no_folder_without_a_case(self):
        named = {"/".join(source.split("/")[:2]) for case in vectors.CASES for source in case.sources}
        self.assertEqual(vectors.folders() - vectors.NO_CASES - named, set())


def hexadecimal(report):
    return report.hex().encode()


def spaced(report):
    return " ".join(f"0x{byte:02x}" for byte in report).encode()


def wrapped(report):
    return "\n".join(textwrap.wrap(base64.b64encode(report).decode(), 76)).encode() + b"\n"


def response(report):
    return struct.pack("<II24x", 0, len(report)) + report + bytes(2784)


REPORTS = {"raw": bytes, "hexadecimal": hexadecimal, "hexadecimal, spaced": spaced, "base64, wrapped": wrapped,
           "base64, url-safe": lambda report: base64.urlsafe_b64encode(report).rstrip(b"="),
           "the driver's response": response, "padded": lambda report: report + bytes(4000),
           "JSON": lambda report: json.dumps({"report": list(report)}).encode()}


def pem(der, label="CERTIFICATE"):
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


def table(chain):
    guids = ["63da758de6644564adc5f4b93be8accd", "4ab7b379bbac4fe4a02f05aef327c782", "c0b406a4a803495297433fb6014cd0ae"]
    at, entries = 24 * 4, b""
    for guid, der in zip(guids, chain):
        entries += bytes.fromhex(guid) + struct.pack("<II", at, len(der))
        at += len(der)
    return entries + bytes(24) + b"".join(chain) + bytes(4096)


def thim(chain):
    return json.dumps({"vcekCert": pem(chain[0]), "tcbm": "04000000000018DB", "cacheControl": "86400",
                       "certificateChain": pem(chain[1]) + pem(chain[2])}).encode()


CHAINS = {"DER": b"".join, "PEM": lambda chain: "".join(map(pem, chain)).encode(),
          "PEM with text": lambda chain: "and\n".join(map(pem, chain)).encode(),
          "base64 of PEM": lambda chain: base64.b64encode("".join(map(pem, chain)).encode()),
          "the host's table": table, "THIM": thim, "host-amd-cert-base64": lambda chain: base64.b64encode(thim(chain)),
          "cert_chain": lambda chain: json.dumps([{"cert_type": "VCEK", "data": list(der)} for der in chain]).encode()}


class Forms(FilesTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.report = (vectors.FOLDER / GENUINE / "report.bin").read_bytes()
        cls.chain = [(vectors.FOLDER / name).read_bytes() for name in
                     [f"{GENUINE}/vcek.der", "sev-snp/_roots/milan_ask.der", "sev-snp/_roots/milan_ark.der"]]

    def accepted(self, ran, what):
        with self.subTest(what):
            self.assertEqual((ran.code, ran.err), (0, ""), ran)
            return ran

    def test_one_case_in_every_form(self):
        pairs = [(report, "PEM") for report in REPORTS] + [("raw", chain) for chain in CHAINS]

        def judge(number):
            report, chain = pairs[number]
            files = [self.stage.write(f"{number}.a", REPORTS[report](self.report)),
                     self.stage.write(f"{number}.b", CHAINS[chain](self.chain))]
            return self.verify(*files, "--at", AT)

        for pair, ran in zip(pairs, self.each(judge, range(len(pairs)))):
            self.accepted(ran, pair)

    def test_one_file_with_all_of_it(self):
        for name, contents in [
                ("report and table", self.report + table(self.chain)),
                ("report and PEM", self.report + CHAINS["PEM"](self.chain)),
                ("a service's JSON", json.dumps({"attestation": base64.b64encode(self.report).decode(),
                                                 "platform_certificates": json.loads(thim(self.chain))}).encode())]:
            self.accepted(self.verify(self.stage.write("all", contents), "--at", AT), name)

    def test_a_security_context_directory(self):
        folder = self.stage.folder / "context"
        folder.mkdir()
        for name, contents in [("host-amd-cert-base64", CHAINS["host-amd-cert-base64"](self.chain)),
                               ("report", self.report), ("reference-info-base64", b""), ("newer-thing", b"hello")]:
            (folder / name).write_bytes(contents)
        ran = self.accepted(self.verify(folder, "--at", AT), "the folder")
        self.assertRegex(ran.out, r"(?m)^left aside: \S*newer-thing: not evidence")
        self.assertRegex(ran.out, r"(?m)^left aside: \S*reference-info-base64: it is empty$")

    def test_standard_input(self):
        chain = self.stage.write("chain.pem", CHAINS["PEM"](self.chain))
        report = self.stage.write("report.hex", hexadecimal(self.report))
        with open(report, "rb") as stdin:
            ran = self.accepted(self.verify("-", chain, "--at", AT, stdin=stdin), "-")
        self.assertIn("the standard input", ran.out)

    def test_what_is_printed(self):
        files = [self.stage.write("report.bin", self.report), self.stage.write("chain.pem", CHAINS["PEM"](self.chain))]
        ran = self.verify(*files, "--at", AT)
        self.assertEqual(ran.code, 0, ran)
        self.assertRegex(ran.out, r"(?m)^\S+report\.bin +SEV-SNP report\n\S+chain\.pem +3 certificates\n\ncheck +expected")
        self.assertIn("note: no expected software was given", ran.out)
        self.assertIn("note: freshness was not asked about", ran.out)
        self.assertTrue(ran.out.endswith("\nthe evidence: accepted\n"))
        explained = self.verify(*files, "--at", AT, "--explain").out
        self.assertIn("\n    Keeps the host from decrypting the guest's memory; every policy refuses a debug guest. [AMD",
                      explained)
        verdict = schema.verdict(self.verify(*files, "--at", AT, "--json").out)
        self.assertEqual([source["form"] for source in verdict["sources"]], ["SEV-SNP report", "3 certificates"])
        self.assertEqual(len(verdict["notes"]), 2)
        self.assertEqual(verdict["judged_at"], AT + "T00:00:00Z")

    def test_times(self):
        files = [self.stage.write("report.bin", self.report), self.stage.write("chain.pem", CHAINS["PEM"](self.chain))]
        for at, code in [("2025-09-01T12:00:00Z", 0), ("2025-09-01T12:00:00.5+02:00", 0), ("1756720000", 0),
                         ("2020-01-01", 4), ("2040-01-01", 4), ("yesterday", 2), ("", 2), ("2025-13-01", 2)]:
            with self.subTest(at):
                self.assertEqual(self.verify(*files, "--at", at).code, code)

    def test_report_data(self):
        files = [self.stage.write("report.bin", self.report), self.stage.write("chain.pem", CHAINS["PEM"](self.chain))]
        holds = self.report[0x50:0x90].hex()
        other = ("00" if holds[:2] != "00" else "01") + holds[2:]
        for hexa, code in [(holds, 0), (holds.upper(), 0), (other, 5), (holds[:64], 0 if holds[64:] == "00" * 32 else 5),
                           (other[:64], 5), ("", 2), ("zz" * 64, 2), ("00" * 63, 2), ("00" * 65, 2), ("00", 2)]:
            with self.subTest(hexa):
                ran = self.verify(*files, "--at", AT, "--report-data", hexa)
                self.assertEqual(ran.code, code, ran)
                if code == 5:
                    self.assertIn("sev_snp.report_data", ran.err)
                if code == 0:
                    self.assertNotIn("note: freshness", ran.out)

    def test_an_azure_vms_report_data_is_its_quotes(self):
        folder = vectors.FOLDER / "azure-cvm/trustee-snp-v1"
        chain = self.stage.write("chain.pem", CHAINS["PEM"](self.chain[1:]))
        for hexa, code in [(b"challenge".hex(), 0), (b"challengf".hex(), 5)]:
            with self.subTest(hexa):
                ran = self.verify(folder / "evidence.json", chain, "--at", AT, "--report-data", hexa)
                self.assertEqual(ran.code, code, ran)

    def test_pcrs_are_pinned_only_where_a_quote_covers_them(self):
        folder = vectors.FOLDER / "azure-cvm/trustee-snp-v1"
        values = self.stage.folder / "values"
        values.write_bytes(bytes(range(256)) * 3)
        pin = ["policy", "pin", *self.offline, "--at", AT]
        forged = self.stage.run(*pin, folder / "hcl_report.bin", folder / "vcek.der", values)
        self.assertEqual((forged.code, "azure.vm.pcrs" in forged.err, "pcrs:" in forged.out), (5, True, False), forged)
        quoted = self.stage.run(*pin, folder)
        self.assertEqual(quoted.code, 0, quoted)
        self.assertIn((folder / "pcrs.bin").read_bytes()[4 * 32:5 * 32].hex(), quoted.out)
        # Its PCR 11 is zero, which is no reason against a policy that was filled in otherwise.
        pinned = self.stage.write("pinned.yml", quoted.out)
        judged = self.stage.run("policy", "lint", pinned)
        self.assertEqual(judged.code, 0, judged)
        self.assertIn("warning: azure.vm.pcrs.11: zeros", judged.out)
        again = self.verify(folder, "--policy", pinned, "--at", AT)
        self.assertEqual(again.code, 0, again)

    def test_pinning_says_that_files_bring_no_service_manifest(self):
        folder = vectors.FOLDER / GENUINE
        policy = self.stage.write("begun.yml", self.stage.run("policy", "init").out)
        before = policy.read_bytes()
        ran = self.stage.run("policy", "pin", *self.offline, "--at", AT, folder,
                             *(vectors.FOLDER / f"sev-snp/_roots/milan_{name}.der" for name in ["ask", "ark"]),
                             "--policy", policy, "--write")
        self.expect(ran, 5, "asks for a service manifest", "nothing was pinned")
        self.assertEqual(policy.read_bytes(), before)

    def test_a_lines_end_behind_binary_evidence(self):
        folder = vectors.FOLDER / "azure-cvm/trustee-snp-v1"
        for end in [b"\n", b"\r\n"]:
            files = [self.stage.write(name, (folder / name).read_bytes() + end)
                     for name in ["hcl_report.bin", "tpm_quote.msg", "vcek.der"]]
            ran = self.verify(*files, folder / "tpm_quote.sig", folder / "pcrs.bin", self.stage.write("chain.pem", "".join(
                pem((vectors.FOLDER / f"sev-snp/_roots/milan_{name}.der").read_bytes()) for name in ["ask", "ark"])),
                "--at", AT)
            self.accepted(ran, end)


if __name__ == "__main__":
    if not vectors.FOLDER.is_dir():
        print("skipped: no real evidence at hand; set BLINDBOX_VECTORS to the folder that holds it")
        sys.exit(harness.SKIPPED)
    harness.main(fuse=False)
