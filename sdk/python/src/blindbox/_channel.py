# SPDX-License-Identifier: Apache-2.0
"""One server, behind a policy: what the adapters for requests and httpx are made of.

A Channel may be used by any number of threads. After fork() the child gets connections of its own, for two processes that
write on one TLS session would break it.
"""

from __future__ import annotations

import atexit
import dataclasses
import math
import os
import threading
import warnings
import weakref
from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Optional
from urllib.parse import urlsplit

from . import _native
from .errors import (
    AttestationError,
    BlindBoxError,
    EmulatedWarning,
    EvidenceNotFound,
    NetworkError,
    NotAnEnclaveError,
    OtherServerError,
    PolicyError,
    UsageError,
    VerdictExpired,
)
from .policy import Policy
from .verdict import Verdict, from_native

Fields = Sequence[tuple[bytes, bytes]]
DEFAULT_PORTS = {"https": 443, "http": 80}
LIFETIME = 600.0  # seconds that a verdict is good for (docs/protocol.md)
FOREVER = 1e9  # seconds; the clock of the C++ library ends not far beyond


@dataclasses.dataclass(frozen=True)
class Endorsements:
    """Where comes from what a server's evidence lacks of the vendor's certificates and revocation lists.

    offline: nothing is fetched; kds_url: in place of AMD's key distribution service; cache_dir: where to keep what was
    fetched, the user's cache folder unless given, "" for nowhere.
    """

    offline: bool = False
    kds_url: str = ""
    cache_dir: Optional[str] = None

    def native(self) -> _native.Endorsements:
        return _native.Endorsements(self.offline, self.kds_url, self.cache_dir)


@dataclasses.dataclass(frozen=True)
class Limits:
    """Seconds; None for no limit. connect: until the request begins to leave, with evidence and verdict; write: for one
    piece of the request; read: until the head of the answer, and between two pieces of its body."""

    connect: Optional[float] = None
    write: Optional[float] = None
    read: Optional[float] = None

    def native(self) -> tuple[int, int, int]:
        return milliseconds(self.connect), milliseconds(self.write), milliseconds(self.read)


def milliseconds(seconds: Optional[float]) -> int:
    if seconds is None or seconds >= FOREVER:
        return 0
    if not seconds > 0:
        raise ValueError(f"a time limit must be greater than 0, not {seconds}")
    return max(1, math.ceil(seconds * 1000))


@dataclasses.dataclass(frozen=True)
class Server:
    """Whom a URL names. The scheme decides the default port and nothing else: what leaves here is attested TLS always."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Server:
        """UsageError for what is no http or https URL; without a scheme it is https."""
        try:
            parts = urlsplit(url if "//" in url else "https://" + url)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"not a URL: {url}", str(error)) from None
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise UsageError(f"not a URL of a server: {url}", hint="write https://HOST:PORT")
        return cls(parts.hostname.lower(), DEFAULT_PORTS[parts.scheme] if port is None else port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def expect(self, other: Server) -> None:
        """OtherServerError unless it is this one."""
        if other != self:
            raise OtherServerError(f"{other} is not the server of this session", f"which is {self}",
                                   "make another session for it, with the policy that accepts it")


class Exchange:
    """One request and its answer. Give it up with close(), which ends the work at the far end."""

    def __init__(self, native: _native.Exchange, session: _native.Session) -> None:
        self._native = native
        self._session = session  # its idle connections live as long as somebody may want to give one back
        self.status = 0
        self.reason = ""
        self.fields: list[tuple[bytes, bytes]] = []

    def _taken(self) -> _native.Outcome:
        outcome = self._native.outcome()
        if outcome is None:
            raise UsageError("this exchange belongs to the process that made it", hint="make a new session in the child")
        if outcome.failure is not None:
            raise error_of(outcome.failure)
        if outcome.status:
            self.status, self.reason, self.fields = outcome.status, outcome.reason, outcome.fields
        return outcome

    def step(self) -> _native.Outcome:
        """Waits for the step under way."""
        self._native.wait()
        return self._taken()

    async def astep(self) -> _native.Outcome:
        """The same on an event loop, asyncio's or trio's."""
        import anyio

        try:
            await anyio.wait_readable(self._native.fileno())
        except BaseException:
            self._native.cancel()
            raise
        return self._taken()

    def send(self, pieces: Iterable[bytes]) -> None:
        """The body, where it is not sent whole; the head of the answer has come afterwards."""
        for piece in pieces:
            if self.status:
                return  # the server has heard enough
            if piece:
                self._native.write(piece, False)
                self.step()
        if not self.status:
            self._native.write(b"", True)
            self.step()

    async def asend(self, pieces: AsyncIterable[bytes]) -> None:
        async for piece in pieces:
            if self.status:
                return
            if piece:
                self._native.write(piece, False)
                await self.astep()
        if not self.status:
            self._native.write(b"", True)
            await self.astep()

    def read(self) -> bytes:
        """The next piece of the body as soon as there is one; empty at its end."""
        self._native.read()
        return self.step().piece

    async def aread(self) -> bytes:
        self._native.read()
        return (await self.astep()).piece

    def close(self) -> None:
        self._native.cancel()


class Channel:
    """The way to one server. Connects when it is needed first.

    attest_every: seconds after which evidence is asked for anew before a request; keep: idle connections.
    """

    def __init__(self, server: Server, policy: Policy, endorsements: Optional[Endorsements] = None, keep: int = 10,
                 attest_every: float = LIFETIME / 2, lifetime: float = LIFETIME) -> None:
        if not policy.native.for_channel:
            raise PolicyError("the policy knows no expected software, so nothing is sent by it")
        self.server = server
        self.policy = policy
        self._endorsements = endorsements or Endorsements()
        self._keep = keep
        self._ages = milliseconds(min(attest_every, lifetime)), milliseconds(min(lifetime, LIFETIME))
        self._lock = threading.Lock()
        self._session: Optional[_native.Session] = None
        self._home = os.getpid()
        self._warned = False

    def session(self) -> _native.Session:
        if self._home != os.getpid():  # a lock that another thread held at fork() is never given back
            self._lock, self._session, self._home = threading.Lock(), None, os.getpid()
        with self._lock:
            if self._session is None:
                self._session = new_session(self.server, self.policy, self._endorsements, self._keep, *self._ages)
            return self._session

    def open(self, method: str, target: str, fields: Fields, body: bytes = b"", length: Optional[int] = None,
             chunked: bool = False, more: bool = False, limits: Limits = Limits()) -> Exchange:
        """Begins; step() or astep() waits. length or chunked states the framing of a body; more: it follows by send()."""
        session = self.session()
        try:
            native = session.open(method, target, fields, body, length, chunked, more, limits.native())
        except _native.Error as error:
            raise error_from(*error.args) from None
        return Exchange(native, session)

    def attested(self) -> None:
        """To be called when an answer has come: says once that what answered is no TEE."""
        if self._warned:
            return
        verdict = self.verdict
        if verdict is not None:
            self._warned = True
            if verdict.emulated:
                warnings.warn(f"{self.server}: EMULATED, NOT A TEE: whoever runs that machine can read everything",
                              EmulatedWarning, stacklevel=3)

    def attest(self, timeout: Optional[float] = None) -> Verdict:
        """Connects, or asks a warm connection anew where its verdict is old; sends nothing."""
        return attest(self.session(), timeout)

    @property
    def verdict(self) -> Optional[Verdict]:
        """Behind which the last request left; None before the first."""
        session = self._session if self._home == os.getpid() else None
        told = session.latest() if session is not None else None
        return None if told is None else from_native(told)

    def close(self) -> None:
        """Drops idle connections; answers that are still read go on. The channel may be used again."""
        with self._lock:
            self._session = None


_living: weakref.WeakSet[_native.Session] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    for session in list(_living):
        session.stop()


os.register_at_fork(after_in_child=_living.clear)


def new_session(server: Server, policy: Policy, endorsements: Endorsements, keep: int, attest_every: int,
                lifetime: int) -> _native.Session:
    try:
        session = _native.Session(server.host, server.port, policy.native, endorsements.native(), keep, attest_every,
                                  lifetime)
    except _native.Error as error:
        raise error_from(*error.args) from None
    _living.add(session)
    return session


def attest(session: _native.Session, timeout: Optional[float]) -> Verdict:
    try:
        native = session.attest(milliseconds(timeout))
    except _native.Error as error:
        raise error_from(*error.args) from None
    told = Exchange(native, session).step().verdict
    if told is None:
        raise BlindBoxError("no verdict came")
    return from_native(told)


def error_from(kind: str, what: str, detail: str, hint: str) -> BlindBoxError:
    """For failures before anything was tried."""
    if kind == "policy":
        return PolicyError(what, detail, hint)
    if kind in ("usage", "limit", "forbidden"):
        return UsageError(what, detail, hint)
    return BlindBoxError(what, detail, hint)


def error_of(failure: _native.Failure) -> BlindBoxError:
    """What a failure of the C++ library raises."""
    words = failure.what, failure.detail, failure.hint
    if failure.verdict_expired:
        return VerdictExpired(*words)
    if failure.verdict is not None:
        refused = from_native(failure.verdict, failure=failure).error()
        if refused is not None:
            return refused
    if failure.kind in ("not_authentic", "not_acceptable"):
        return AttestationError(*words)
    if failure.phase == "connect":
        # A server of another kind ends the handshake by an alert, or speaks something that is no TLS at all.
        foreign = failure.what.startswith("the TLS handshake failed") and "SSL routines" in failure.what
        if failure.kind in ("protocol", "malformed") or foreign:
            return NotAnEnclaveError(*words)
        if failure.kind == "platform":
            return EvidenceNotFound(*words)
    if failure.kind in ("network", "protocol", "malformed", "cancelled"):
        return NetworkError(*words, phase=failure.phase, timed_out=failure.timed_out)
    return error_from(failure.kind, *words)


