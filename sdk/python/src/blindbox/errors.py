# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, one class for each thing that a program may want to tell apart.

Every message says what happened, what was compared and what to do next. A refusal of the far end is an AttestationError;
its class is decided by the first check that failed, in the order of docs/checks.md, through the table CHECKS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from .verdict import Check, Verdict

__all__ = [
    "CHECKS", "AttestationError", "AttestationException", "BlindBoxDebugModeWarning", "BlindBoxError", "DebugMode",
    "EmulatedWarning", "EvidenceNotFound", "FalseAttestationReport", "InvalidEnclaveCode", "MAATokenNotFound",
    "NetworkError", "NonCompliantPlatform", "NonCompliantUvm", "NotAnEnclaveError", "OtherServerError", "PolicyError",
    "UsageError", "VerdictExpired", "WrongAttester", "class_for_check",
]


class BlindBoxError(Exception):
    """The root of this package's errors.

    what: one line; detail: what was compared, may be empty; hint: what to do next, may be empty.
    """

    def __init__(self, what: str, detail: str = "", hint: str = "") -> None:
        super().__init__(what, detail, hint)
        self.what = what
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        text = self.what
        if self.detail:
            text += "\n  " + self.detail
        if self.hint:
            text += "\nhint: " + self.hint
        return text


class PolicyError(BlindBoxError, ValueError):
    """There is no policy, or the file is none."""


class UsageError(BlindBoxError, ValueError):
    """A request that cannot be sent as it is: nothing has left."""


class OtherServerError(BlindBoxError, ValueError):
    """A URL or a redirect that leads to another server than the verified one; nothing was sent there."""


class NetworkError(BlindBoxError, OSError):
    """Nobody there, a broken connection, a time limit.

    phase: "connect" (nothing of the request has left), "send", "head" or "body"; timed_out: the caller's own limit.
    """

    def __init__(self, what: str, detail: str = "", hint: str = "", phase: str = "connect",
                 timed_out: bool = False) -> None:
        super().__init__(what, detail, hint)
        self.phase = phase
        self.timed_out = timed_out


class AttestationError(BlindBoxError):
    """The far end is refused. Not one byte of a request has reached it over the connection that was judged.

    verdict: the whole judgement, None where the evidence never came so far.
    """

    def __init__(self, what: str, detail: str = "", hint: str = "", verdict: Optional[Verdict] = None) -> None:
        super().__init__(what, detail, hint)
        self.verdict = verdict

    @property
    def failed(self) -> tuple[Check, ...]:
        """Every check that failed; the first one decided this error's class."""
        return self.verdict.failed if self.verdict is not None else ()

    @property
    def code(self) -> str:
        """The message, under its name of 2023."""
        return self.what


class NotAnEnclaveError(AttestationError):
    """What answers is no enclave that anybody vouches for: no evidence, broken evidence, or not the vendor's."""


class WrongAttester(NotAnEnclaveError):
    """The evidence was signed under another root than the processor vendor's: anybody's own, or an emulator's."""


class InvalidEnclaveCode(AttestationError):
    """A genuine enclave that runs other software, or another configuration, than the policy names."""


class NonCompliantUvm(AttestationError):
    """Microsoft does not endorse the utility VM around the containers, or not this one, or not any more."""


class NonCompliantPlatform(AttestationError):
    """A genuine enclave on a machine that the policy does not accept: firmware, product, settings, chip."""


class FalseAttestationReport(AttestationError):
    """Evidence that was altered, replayed, or made for another connection: a relay in the middle."""


class DebugMode(AttestationError):
    """The host can read the guest's memory."""


class EvidenceNotFound(AttestationError):
    """The server has no evidence to show: its attestation device is missing or fails."""


class VerdictExpired(AttestationError):
    """An answer was still coming when its verdict became too old; it was cut off."""


class EmulatedWarning(UserWarning):
    """The evidence comes from an emulator that the policy trusts by name: EMULATED, NOT A TEE."""


# As they were called in 2023.
AttestationException = AttestationError
MAATokenNotFound = EvidenceNotFound
BlindBoxDebugModeWarning = EmulatedWarning

# Check id, or a prefix that ends in ".*", and what its failure raises; the first line that fits counts.
CHECKS: tuple[tuple[str, type[AttestationError]], ...] = (
    ("sev_snp.policy.debug_disabled", DebugMode),
    ("sev_snp.report_data", FalseAttestationReport),
    ("sev_snp.signature", FalseAttestationReport),
    ("azure.vm.quote.freshness", FalseAttestationReport),
    ("azure.vm.quote.signature", FalseAttestationReport),
    ("azure.vm.pcr_digest", FalseAttestationReport),
    ("azure.vm.report_data", FalseAttestationReport),
    ("sev_snp.measurement", InvalidEnclaveCode),
    ("sev_snp.host_data", InvalidEnclaveCode),
    ("sev_snp.family_id", InvalidEnclaveCode),
    ("sev_snp.image_id", InvalidEnclaveCode),
    ("sev_snp.id_key", InvalidEnclaveCode),
    ("sev_snp.author_key", InvalidEnclaveCode),
    ("sev_snp.guest_svn", InvalidEnclaveCode),
    ("azure.security_policy", InvalidEnclaveCode),
    ("azure.vm.pcrs", InvalidEnclaveCode),
    ("manifest.*", InvalidEnclaveCode),
    ("azure.uvm.*", NonCompliantUvm),
    ("azure.vm.paravisor", NonCompliantUvm),
    ("sev_snp.product.allowed", NonCompliantPlatform),
    ("sev_snp.tcb.committed", NonCompliantPlatform),
    ("sev_snp.tcb.minimum", NonCompliantPlatform),
    ("sev_snp.tcb.launch", NonCompliantPlatform),
    ("sev_snp.firmware.*", NonCompliantPlatform),
    ("sev_snp.policy.*", NonCompliantPlatform),
    ("sev_snp.vmpl", NonCompliantPlatform),
    ("sev_snp.platform.*", NonCompliantPlatform),
    ("sev_snp.mitigations.*", NonCompliantPlatform),
    ("sev_snp.chip_id.allowed", NonCompliantPlatform),
    ("sev_snp.root", WrongAttester),
    ("sev_snp.*", NotAnEnclaveError),
    ("azure.vm.*", NotAnEnclaveError),
)


def class_for_check(check: str) -> type[AttestationError]:
    """What the failure of a check raises; AttestationError itself for one that the table does not know."""
    for pattern, kind in CHECKS:
        if pattern == check or (pattern.endswith(".*") and check.startswith(pattern[:-1])):
            return kind
    return AttestationError
