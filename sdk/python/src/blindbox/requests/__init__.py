# SPDX-License-Identifier: Apache-2.0
"""The API of requests, to attested servers alone: "from blindbox import requests" in the place of "import requests"."""

import sys as _sys

from requests import (
    ConnectionError,
    ConnectTimeout,
    FileModeWarning,
    HTTPError,
    JSONDecodeError,
    PreparedRequest,
    ReadTimeout,
    Request,
    RequestException,
    Response,
    Timeout,
    TooManyRedirects,
    URLRequired,
    adapters,
    auth,
    codes,
    cookies,
    exceptions,
    hooks,
    models,
    status_codes,
    structures,
    utils,
)

from ..errors import (
    AttestationError,
    BlindBoxDebugModeWarning,
    DebugMode,
    FalseAttestationReport,
    InvalidEnclaveCode,
    NonCompliantUvm,
    NotAnEnclaveError,
    WrongAttester,
)
from . import errors, secure_session
from .adapter import AttestedAdapter
from .api import delete, get, head, options, patch, post, put, request
from .sessions import SecuredSession, SecureSession, Session, connect, session

requests = _sys.modules[__name__]  # "from blindbox.requests import requests", as in 2023

__all__ = [
    "AttestationError", "AttestedAdapter", "BlindBoxDebugModeWarning", "ConnectTimeout", "ConnectionError", "DebugMode",
    "FalseAttestationReport", "FileModeWarning", "HTTPError", "InvalidEnclaveCode", "JSONDecodeError", "NonCompliantUvm",
    "NotAnEnclaveError", "PreparedRequest", "ReadTimeout", "Request", "RequestException", "Response", "SecureSession",
    "SecuredSession", "Session", "Timeout", "TooManyRedirects", "URLRequired", "WrongAttester", "adapters", "auth",
    "codes", "connect", "cookies", "delete", "errors", "exceptions", "get", "head", "hooks", "models", "options", "patch",
    "post", "put", "request", "requests", "secure_session", "session", "status_codes", "structures", "utils",
]
