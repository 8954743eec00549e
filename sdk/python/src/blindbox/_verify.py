# SPDX-License-Identifier: Apache-2.0
"""blindbox.verify()."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Iterable
from typing import Optional, Union

from . import _native
from ._channel import LIFETIME, Endorsements, Server, attest, error_of, milliseconds, new_session
from .errors import AttestationError, BlindBoxError, UsageError
from .policy import Policy, safe_defaults
from .verdict import Verdict, from_native

PathLike = Union[str, "os.PathLike[str]"]


def verify(source: Union[PathLike, Iterable[PathLike]], policy: Optional[Union[Policy, PathLike]] = None, *,
           at: Optional[datetime.datetime] = None, report_data: Optional[bytes] = None,
           timeout: Optional[float] = None, endorsements: Optional[Endorsements] = None) -> Verdict:
    """Judges evidence and sends nothing: of a server (https://host:port), or of files and folders in whatever form clouds
    and tools write it (docs/verifying.md).

    policy: a Policy or its file; without one the safe defaults, which know no expected software. at: when the evidence
    is judged, not now; report_data: what REPORT_DATA must hold, 64 bytes or 32, on Azure VMs the quote's qualifying data;
    both are for files alone. timeout: seconds, for a server.

    The verdict says accepted or refused; it is raised only where there is none: NotAnEnclaveError for what is no evidence,
    NetworkError for what could not be fetched, UsageError, PolicyError.
    """
    accepts = safe_defaults() if policy is None else Policy.of(policy)
    fetch = endorsements or Endorsements()
    sources = [os.fspath(source)] if isinstance(source, (str, os.PathLike)) else [os.fspath(one) for one in source]
    if not sources or "" in sources:
        raise UsageError("there is no source to verify")
    if any("://" in one for one in sources):
        if len(sources) > 1:
            raise UsageError("a server is verified alone: give one URL, or files and folders")
        if at is not None or report_data is not None:
            raise UsageError("at and report_data are for files: a connection is judged now, and brings its own")
        return _with_notes(_of_server(Server.of(sources[0]), accepts, fetch, timeout), policy is None)
    when = None if at is None else _utc(at)
    told, failure, notes = _native.judge(sources, accepts.native, when, report_data, fetch.native())
    if told is not None:
        return _with_notes(from_native(told, notes, failure), policy is None)
    if failure is None:
        raise BlindBoxError("no verdict came")
    if failure.kind == "io":
        raise UsageError(failure.what, failure.detail, failure.hint)
    raise error_of(failure)


def _of_server(server: Server, policy: Policy, endorsements: Endorsements, timeout: Optional[float]) -> Verdict:
    session = new_session(server, policy, endorsements, 0, milliseconds(LIFETIME / 2), milliseconds(LIFETIME))
    try:
        return attest(session, timeout)
    except AttestationError as error:
        if error.verdict is None:
            raise
        return error.verdict


def _with_notes(verdict: Verdict, nothing_expected: bool) -> Verdict:
    if not nothing_expected:
        return verdict
    note = "no expected software was given: the machine was judged, not what runs in it (policy)"
    return dataclasses.replace(verdict, notes=(note, *verdict.notes))


def _utc(at: datetime.datetime) -> str:
    if at.tzinfo is None:
        raise UsageError("the time has no zone", hint="datetime.datetime(..., tzinfo=datetime.timezone.utc)")
    return at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
