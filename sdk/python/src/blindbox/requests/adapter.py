# SPDX-License-Identifier: Apache-2.0
"""Between requests and a Channel: a transport adapter, and answers that stream."""

from __future__ import annotations

import http.client
import io
import os
import socket
import threading
from collections.abc import Generator, Iterable, Mapping
from typing import Any, Optional, Union, cast

from requests import PreparedRequest, Response, exceptions
from requests.adapters import BaseAdapter
from requests.cookies import extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPHeaderDict
from urllib3.response import HTTPResponse
from urllib3.util import Timeout

from .._channel import Channel, Endorsements, Exchange, Limits, Server
from ..errors import NetworkError, UsageError
from ..policy import Policy
from ..verdict import Verdict

_PIECE = 1 << 16


class AttestedAdapter(BaseAdapter):
    """Sends every request over attested TLS, whatever the URL's scheme says: http:// means no plain HTTP here.

    server: the one server that there is; None: each that a URL names, all judged by the same policy.
    """

    def __init__(self, policy: Policy, server: Optional[Server] = None, endorsements: Optional[Endorsements] = None,
                 **options: Any) -> None:
        super().__init__()
        self._policy = policy
        self._server = server
        self._endorsements = endorsements
        self._options = options  # of Channel
        self._lock = threading.Lock()
        self._home = os.getpid()
        self._channels: dict[Server, Channel] = {}

    def channel(self, server: Server) -> Channel:
        """OtherServerError where there is one server, and this is another."""
        if self._server is not None:
            self._server.expect(server)
        if self._home != os.getpid():
            self._lock, self._home = threading.Lock(), os.getpid()
        with self._lock:
            if server not in self._channels:
                self._channels[server] = Channel(server, self._policy, self._endorsements, **self._options)
            return self._channels[server]

    def send(self, request: PreparedRequest, stream: bool = False,
             timeout: Union[None, float, tuple[Optional[float], Optional[float]], Timeout] = None,
             verify: Union[bool, str] = True, cert: Any = None,
             proxies: Optional[Mapping[str, str]] = None) -> Response:
        """The evidence is judged always: verify=False is a UsageError, as a proxy and a client certificate are, and a CA
        bundle has no say."""
        if verify is False:
            raise UsageError("attestation cannot be switched off", "verify=False was given",
                             "leave verify away: no certificate authority is asked, so a self-signed server is no reason for it")
        if any((proxies or {}).values()):
            raise UsageError("attested connections go through no proxy", hint="leave proxies away")
        if cert:
            raise UsageError("attested connections take no client certificate", hint="leave cert away")
        channel = self.channel(Server.of(request.url or ""))
        try:
            exchange = _begin(channel, request, _limits(timeout))
            channel.attested()
        except NetworkError as error:
            raise _translated(error, request) from error
        return _response(request, exchange, self)

    def close(self) -> None:
        with self._lock:
            for channel in self._channels.values():
                channel.close()

    def verdict(self) -> Optional[Verdict]:
        """Of the one server, or of the only one so far; None before any answer."""
        channels = list(self._channels.values())
        return channels[-1].verdict if channels else None


def _limits(timeout: Union[None, float, tuple[Optional[float], Optional[float]], Timeout]) -> Limits:
    if isinstance(timeout, Timeout):
        connect, read = timeout.connect_timeout, timeout.read_timeout
        return Limits(_number(connect), _number(read), _number(read))
    if isinstance(timeout, tuple):
        if len(timeout) != 2:
            raise ValueError("timeout is a number, or a pair of them: (connect, read)")
        return Limits(timeout[0], timeout[1], timeout[1])
    return Limits(timeout, timeout, timeout)


def _number(limit: Any) -> Optional[float]:
    return float(limit) if isinstance(limit, (int, float)) else None


def _begin(channel: Channel, request: PreparedRequest, limits: Limits) -> Exchange:
    method, target = request.method or "GET", request.path_url
    fields = [(_bytes(name), _bytes(value)) for name, value in request.headers.items()]
    body = request.body
    if body is None or isinstance(body, (bytes, bytearray, str)):
        whole = b"" if body is None else body.encode() if isinstance(body, str) else bytes(body)
        stated = body is not None or "Content-Length" in request.headers
        exchange = channel.open(method, target, fields, whole, length=len(whole) if stated else None, limits=limits)
        exchange.step()
        return exchange
    length = request.headers.get("Content-Length")
    exchange = channel.open(method, target, fields, length=None if length is None else int(length),
                            chunked=length is None, more=True, limits=limits)
    try:
        exchange.step()
        exchange.send(_pieces(body))
    except BaseException:
        exchange.close()
        raise
    return exchange


def _bytes(text: Union[str, bytes]) -> bytes:
    try:
        return text if isinstance(text, bytes) else text.encode("latin-1")
    except UnicodeEncodeError:
        raise exceptions.InvalidHeader(f"a header field holds what HTTP cannot carry: {text!r}") from None


def _pieces(body: Any) -> Iterable[bytes]:
    if not hasattr(body, "read"):
        for piece in cast("Iterable[Union[str, bytes]]", body):
            yield piece.encode() if isinstance(piece, str) else piece
        return
    while piece := body.read(_PIECE):
        yield piece.encode() if isinstance(piece, str) else piece


def _translated(error: NetworkError, request: PreparedRequest) -> exceptions.RequestException:
    """In the words of requests."""
    if error.timed_out:
        kind = exceptions.ConnectTimeout if error.phase == "connect" else exceptions.ReadTimeout
        return kind(error, request=request)
    return exceptions.ConnectionError(error, request=request)


class _Body(io.RawIOBase):
    """The body of an answer as a file."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._left = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def read1(self, size: int) -> bytes:
        """What has come, at least a byte unless it is the end, and at most size bytes."""
        if not self._left and not self._ended:
            try:
                self._left = self._exchange.read()
            except NetworkError as error:
                # urllib3 tells a stall from a break by these, and requests goes by urllib3.
                raise (socket.timeout if error.timed_out else ConnectionError)(str(error)) from error
            self._ended = not self._left
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    def readinto(self, into: Any) -> int:
        piece = self.read1(len(into))
        into[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed and not self._ended:
            self._exchange.close()
        super().close()


class _Original:
    """What requests looks for behind urllib3's answer: the cookies' home."""

    def __init__(self, fields: list[tuple[bytes, bytes]], body: _Body) -> None:
        self.msg = http.client.HTTPMessage()
        self._body = body
        for name, value in fields:
            self.msg.add_header(name.decode("latin-1"), value.decode("latin-1"))

    def isclosed(self) -> bool:
        return self._body.closed

    def close(self) -> None:
        self._body.close()


class _Answer(HTTPResponse):
    """Hands on each piece when it comes, as urllib3 does for chunked bodies alone."""

    def stream(self, amt: Optional[int] = _PIECE, decode_content: Optional[bool] = None) -> Generator[bytes, None, None]:
        decode = self.decode_content if decode_content is None else decode_content
        self._init_decoder()
        body = cast(_Body, self._fp)
        with self._error_catcher():
            while piece := body.read1(amt or _PIECE):
                if decoded := self._decode(piece, decode, flush_decoder=False):
                    yield decoded
            if decode and (rest := self._flush_decoder()):
                yield rest
            body.close()


def _response(request: PreparedRequest, exchange: Exchange, adapter: AttestedAdapter) -> Response:
    body = _Body(exchange)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in exchange.fields]
    raw = _Answer(body=cast(Any, body), headers=_merged(headers), status=exchange.status,
                  reason=exchange.reason, version=11, preload_content=False, decode_content=False,
                  request_method=request.method,
                  original_response=cast(Any, _Original(exchange.fields, body)))
    response = Response()
    response.status_code = exchange.status
    response.headers = CaseInsensitiveDict(raw.headers)
    response.encoding = get_encoding_from_headers(response.headers)
    response.raw = raw
    response.reason = exchange.reason
    response.url = request.url or ""
    response.request = request
    cast(Any, extract_cookies_to_jar)(response.cookies, request, raw)
    cast(Any, response).connection = adapter
    return response


def _merged(headers: list[tuple[str, str]]) -> HTTPHeaderDict:
    merged = HTTPHeaderDict()
    for name, value in headers:
        merged.add(name, value)
    return merged
