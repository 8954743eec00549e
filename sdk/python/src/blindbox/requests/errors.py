# SPDX-License-Identifier: Apache-2.0
"""Where the errors stood in 2023."""

from ..errors import (
    AttestationError,
    AttestationException,
    DebugMode,
    FalseAttestationReport,
    InvalidEnclaveCode,
    MAATokenNotFound,
    NonCompliantUvm,
    NotAnEnclaveError,
    WrongAttester,
)

__all__ = [
    "AttestationError", "AttestationException", "DebugMode", "FalseAttestationReport", "InvalidEnclaveCode",
    "MAATokenNotFound", "NonCompliantUvm", "NotAnEnclaveError", "WrongAttester",
]
