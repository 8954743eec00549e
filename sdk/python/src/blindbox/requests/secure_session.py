# SPDX-License-Identifier: Apache-2.0
"""Where SecureSession stood in 2023."""

from ..errors import BlindBoxDebugModeWarning
from .sessions import SecureSession, connect

__all__ = ["BlindBoxDebugModeWarning", "SecureSession", "connect"]
