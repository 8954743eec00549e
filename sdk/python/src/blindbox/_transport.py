# SPDX-License-Identifier: Apache-2.0
"""What the transports for httpx and for httpx2, its successor, have in common: all but the library that they are for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar, Optional, Union

from ._channel import Channel, Endorsements, Exchange, Limits, Server
from .errors import NetworkError
from .policy import Policy
from .verdict import Verdict

PolicyLike = Union[Policy, str, "os.PathLike[str]"]
_WHOLE = 1 << 20  # a body of at most so many bytes is sent at once


class Core:
    """url: the server, the only one that there is; policy: a Policy or its file, None for the user's own.

    The first request connects; verify() does so before. OtherServerError for a URL, or a redirect, to another server.
    """

    library: ClassVar[Any]  # httpx or httpx2
    sync_body: ClassVar[Any]
    async_body: ClassVar[Any]

    def __init__(self, url: str, policy: Optional[PolicyLike] = None, *, endorsements: Optional[Endorsements] = None,
                 pool_size: int = 10, attest_every: float = 300.0) -> None:
        self._channel = Channel(Server.of(url), Policy.of(policy), endorsements, pool_size, attest_every)

    @property
    def verdict(self) -> Optional[Verdict]:
        """Behind which the last request left; None before the first."""
        return self._channel.verdict

    def verify(self, timeout: Optional[float] = None) -> Verdict:
        """Connects, sends nothing, and returns the accepting verdict; raises the AttestationError of a refusal."""
        return self._channel.attest(timeout)

    def _open(self, request: Any, body: Optional[bytes]) -> Exchange:
        host, scheme = request.url.raw_host.decode("ascii"), request.url.scheme
        port = "" if request.url.port is None else f":{request.url.port}"
        self._channel.server.expect(Server.of(f"{scheme}://[{host}]{port}" if ":" in host else f"{scheme}://{host}{port}"))
        times = request.extensions.get("timeout", {})
        length = request.headers.get("content-length")
        chunked = length is None and "transfer-encoding" in request.headers
        return self._channel.open(
            request.method, request.url.raw_path.decode("ascii"), request.headers.raw, body or b"",
            length=None if length is None else int(length), chunked=chunked, more=body is None,
            limits=Limits(times.get("connect"), times.get("write"), times.get("read")))

    def _response(self, request: Any, exchange: Exchange, body: Any) -> Any:
        self._channel.attested()
        return self.library.Response(
            exchange.status, headers=exchange.fields, stream=body(self, request, exchange),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": exchange.reason.encode("ascii", "replace")})

    @staticmethod
    def at_once(request: Any) -> bool:
        """Whether the body is small enough to be one piece, or there is none."""
        return int(request.headers.get("content-length", "0")) <= _WHOLE and "transfer-encoding" not in request.headers

    @contextlib.contextmanager
    def told_in_its_words(self, request: Any) -> Iterator[None]:
        """The library's exceptions for what the network did."""
        try:
            yield
        except NetworkError as error:
            names = {
                "connect": ("ConnectTimeout", "ConnectError"),
                "send": ("WriteTimeout", "WriteError"),
                "head": ("ReadTimeout", "ReadError"),
                "body": ("ReadTimeout", "ReadError"),
            }[error.phase]
            raise getattr(self.library, names[0 if error.timed_out else 1])(str(error), request=request) from error


class SyncCore(Core):
    def handle_request(self, request: Any) -> Any:
        with self.told_in_its_words(request):
            whole = b"".join(request.stream) if self.at_once(request) else None
            exchange = self._open(request, whole)
            try:
                exchange.step()
                if whole is None:
                    exchange.send(request.stream)
            except BaseException:
                exchange.close()
                raise
        return self._response(request, exchange, self.sync_body)

    def close(self) -> None:
        self._channel.close()


class AsyncCore(Core):
    async def handle_async_request(self, request: Any) -> Any:
        with self.told_in_its_words(request):
            whole = b"".join([piece async for piece in request.stream]) if self.at_once(request) else None
            exchange = self._open(request, whole)
            try:
                await exchange.astep()
                if whole is None:
                    await exchange.asend(request.stream)
            except BaseException:
                exchange.close()
                raise
        return self._response(request, exchange, self.async_body)

    async def aclose(self) -> None:
        self._channel.close()


class Body:
    def __init__(self, transport: Core, request: Any, exchange: Exchange) -> None:
        self._transport = transport
        self._request = request
        self._exchange = exchange


class SyncBody(Body):
    def __iter__(self) -> Iterator[bytes]:
        with self._transport.told_in_its_words(self._request):
            while piece := self._exchange.read():
                yield piece

    def close(self) -> None:
        self._exchange.close()


class AsyncBody(Body):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._transport.told_in_its_words(self._request):
            while piece := await self._exchange.aread():
                yield piece

    async def aclose(self) -> None:
        self._exchange.close()
