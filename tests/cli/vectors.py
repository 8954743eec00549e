# SPDX-License-Identifier: Apache-2.0
"""Real evidence: each case of SEV-SNP, Azure container instances and Azure VMs, its date, and what must come of it."""

import os
import pathlib
import typing

import harness

FOLDER = pathlib.Path(os.environ.get("BLINDBOX_VECTORS", harness.ROOT.parent / "shared/vectors")) / "evidence"


class Case(typing.NamedTuple):
    sources: list  # below FOLDER
    at: str
    code: int = 0
    check: str = ""  # the one that refuses; empty where it never came to checks
    chain: str = "milan"  # whose ASK and ARK are given too; empty: none


def snp(name, at, *files, **rest):
    return Case([f"sev-snp/{name}/{file}" for file in files] or [f"sev-snp/{name}"], at, chain=name.split("-")[0], **rest)


# Dates lie within the certificates' validity; where the evidence tells, at its own.
CASES = [
    snp("milan-v2-aci-kms", "2023-06-01"),
    snp("milan-v2-automata", "2024-12-01"),
    snp("milan-v2-azcvm-trustee2", "2023-06-01"),
    snp("milan-v2-virtee", "2023-06-01"),
    snp("milan-v2-google-debug", "2023-06-01", code=5, check="sev_snp.policy.debug_disabled"),
    snp("milan-v2-azcvm-kinvolk-wrongvcek", "2023-06-01", code=4, check="sev_snp.signature"),
    snp("milan-v2-sidecar-fake2", "2023-06-01", code=6),  # no VCEK, and nothing is fetched here
    snp("milan-v3-aci-svn101-css0617", "2025-06-17"),
    snp("milan-v3-aci-svn101-css0925", "2025-09-25"),
    snp("milan-v3-aci-svn101-sidecar", "2025-06-17"),
    snp("milan-v3-aci-svn101-tav", "2026-03-01"),  # both of the key's certificates
    snp("milan-v3-aci-svn101-tav", "2026-01-10"),  # and before the second one was issued
    snp("milan-v3-aci-svn101-tav", "2026-03-01", "report.bin", "vcek.der"),
    snp("milan-v3-aci-svn101-tav", "2026-03-01", "report.bin", "vcek_reissue1.der"),
    snp("milan-v3-aci-svn103-cleanroom-a", "2025-09-01"),
    snp("milan-v3-aci-svn103-cleanroom-b", "2025-09-01"),
    snp("milan-v3-aci-svn103-cleanroom-c", "2025-09-01"),
    snp("milan-v3-azcvm-cdai", "2025-09-01"),
    snp("milan-v3-azcvm-lunal", "2025-09-01"),
    snp("milan-v3-azcvm-trustee-v0", "2025-09-01"),
    snp("milan-v3-azcvm-trustee-v1", "2025-09-01"),
    snp("milan-v3-oak-cb", "2025-09-01"),
    snp("milan-v3-oak-oc-release", "2025-09-01"),
    snp("milan-v3-oak-oc-staging", "2025-09-01"),
    snp("genoa-v3-aci-tav", "2026-03-01"),
    snp("turin-v5-aci-tav", "2026-03-01"),
    Case(["sev-snp/v1-fake-hcsshim"], "2025-09-01", 3, "sev_snp.report.version"),
    Case(["sev-snp/v1-fake-sidecar"], "2025-09-01", 3, "sev_snp.report.version"),
    # Beside a report: a leaf that AMD did not sign, a list that is stale, one that is current.
    Case(["sev-snp/milan-v2-aci-kms/report.bin", "sev-snp/leaf-not-amd-signed/test-vcek-invalid-new.der"],
         "2024-01-01", 4, "sev_snp.chain.signatures"),
    Case(["sev-snp/milan-v2-aci-kms/report.bin", "sev-snp/leaf-not-amd-signed/test-vcek-invalid-legacy.der"],
         "2024-01-01", 4, "sev_snp.chain.signatures"),
    Case(["sev-snp/milan-v2-aci-kms", "sev-snp/crl-milan-2022"], "2024-01-01", 4, "sev_snp.crl"),
    Case(["sev-snp/milan-v2-aci-kms", "sev-snp/crl-genoa-2022"], "2023-01-01"),  # another root's list: left aside
    Case(["sev-snp/milan-v2-aci-kms", "sev-snp/crl-genoa-2022", "sev-snp/crl-milan-2022"], "2024-01-01", 4,
         "sev_snp.crl"),
    Case(["sev-snp/milan-v3-azcvm-lunal", "sev-snp/_roots/test_amd_milan_crl.pem", "sev-snp/_roots/test_amd_genoa_crl.pem",
          "sev-snp/crl-milan-2022", "sev-snp/crl-genoa-2022"], "2025-09-01"),
    Case(["sev-snp/milan-v2-aci-kms", "sev-snp/crl-milan-2022"], "2023-01-01"),
    Case(["sev-snp/milan-v3-azcvm-lunal", "sev-snp/_roots/test_amd_milan_crl.pem"], "2025-09-01"),
    # A genuine leaf of another chip.
    Case(["sev-snp/milan-v2-aci-kms/report.bin", "sev-snp/leaf-only-ext/vcek_milan_certifier.der"], "2024-01-01", 4,
         "sev_snp.signature"),
    # The chain of another product, and none: then AMD's own is taken.
    Case(["sev-snp/turin-v5-aci-tav"], "2026-03-01", 4, "sev_snp.chain.complete", chain="genoa"),
    Case(["sev-snp/turin-v5-aci-tav"], "2026-03-01", chain=""),
    # Azure container instances, the whole chain with them where the platform gave it.
    Case(["aci/kms-svn100"], "2023-12-01", chain=""),
    Case(["aci/kms-svn100/attestation.json"], "2023-12-01", chain=""),
    Case(["aci/cleanroom-svn103-enc"], "2025-10-15", chain=""),
    Case(["aci/cleanroom-svn103-sign"], "2025-10-15", chain=""),
    Case(["aci/css-20250617"], "2025-06-17", chain=""),
    Case(["aci/css-20250617/attested.cose"], "2025-06-17", chain=""),
    Case(["aci/css-20250925"], "2025-09-25", chain=""),
    Case(["aci/css-20250925/attested.cose"], "2025-09-25", chain=""),
    Case(["aci/tav-milan-svn101"], "2026-03-01"),
    Case(["aci/tav-genoa-svn101"], "2026-03-01", chain="genoa"),
    Case(["aci/tav-turin-svn104"], "2026-03-01", chain="turin"),
    Case(["aci/sidecar-secctx-svn100"], "2023-12-01", 3, chain=""),  # nothing but endorsements
    Case(["aci/uvm-cwt-svn104-receipt"], "2026-03-01", 3, chain=""),
    Case(["aci/did-x509"], "2026-03-01", 3, chain=""),
    # Azure confidential VMs; their THIM gives the leaf, and AMD's chain comes from elsewhere.
    Case(["azure-cvm/trustee-snp-v0"], "2025-09-01"),
    Case(["azure-cvm/trustee-snp-v0/evidence.json"], "2025-09-01"),
    Case(["azure-cvm/trustee-snp-v1"], "2025-09-01"),
    Case(["azure-cvm/trustee-snp-v1/evidence.json"], "2025-09-01"),
    Case(["azure-cvm/lunal-snp-live"], "2025-09-01"),
    Case(["azure-cvm/lunal-snp-live/evidence.json"], "2025-09-01"),
    Case(["azure-cvm/cdai-snp-milan-v3"], "2025-09-01"),
    Case(["azure-cvm/cdai-snp-milan-v3/evidence.json"], "2025-09-01"),
    Case(["azure-cvm/kinvolk/hcl-report-snp.bin", "azure-cvm/kinvolk/certs.pem"], "2023-06-01", 4,
         "sev_snp.signature", ""),
    Case(["azure-cvm/kinvolk/hcl-report-tdx.bin"], "2025-09-01", 3, chain=""),
    Case(["azure-cvm/kinvolk"], "2025-09-01", 3, chain=""),
    Case(["azure-cvm/trustee-tdx-v0"], "2025-09-01", 3, chain=""),
    Case(["azure-cvm/trustee-tdx-v1"], "2025-09-01", 3, chain=""),
]

# Folders of certificates that only cases above use.
NO_CASES = {"sev-snp/_roots", "azure-cvm/_roots", "sev-snp/leaf-only-ext", "sev-snp/leaf-not-amd-signed",
            "sev-snp/crl-milan-2022", "sev-snp/crl-genoa-2022"}


def folders():
    """Every folder of evidence there is."""
    return {f"{family}/{path.name}" for family in ["sev-snp", "aci", "azure-cvm"] for path in (FOLDER / family).iterdir()
            if path.is_dir()}
