# SPDX-License-Identifier: Apache-2.0
"""Clients of servers that have proved what they are.

    from blindbox import requests                    # the API of requests, over attested TLS alone
    blindbox.openai.client(url, policy)              # openai.OpenAI, the same way
    blindbox.verify("https://host:8443", policy)     # a Verdict, check by check

Not one byte of a request leaves before every check of the policy has passed.
"""

from ._channel import Endorsements
from ._native import version as __version__
from ._verify import verify
from .errors import (
    AttestationError,
    BlindBoxError,
    DebugMode,
    EmulatedWarning,
    EvidenceNotFound,
    FalseAttestationReport,
    InvalidEnclaveCode,
    NetworkError,
    NonCompliantPlatform,
    NonCompliantUvm,
    NotAnEnclaveError,
    OtherServerError,
    PolicyError,
    UsageError,
    VerdictExpired,
    WrongAttester,
)
from .policy import Policy
from .verdict import Check, Verdict

__all__ = [
    "AttestationError", "BlindBoxError", "Check", "DebugMode", "EmulatedWarning", "Endorsements", "EvidenceNotFound",
    "FalseAttestationReport", "InvalidEnclaveCode", "NetworkError", "NonCompliantPlatform", "NonCompliantUvm",
    "NotAnEnclaveError", "OtherServerError", "Policy", "PolicyError", "UsageError", "Verdict", "VerdictExpired",
    "WrongAttester", "__version__", "verify",
]
