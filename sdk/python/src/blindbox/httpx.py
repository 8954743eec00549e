# SPDX-License-Identifier: Apache-2.0
"""Attested transports for httpx:

    httpx.Client(transport=blindbox.httpx.Transport("https://host:8443", policy), base_url="https://host:8443")
"""

from typing import Any, ClassVar

import httpx

from ._transport import AsyncBody, AsyncCore, SyncBody, SyncCore

__all__ = ["AsyncTransport", "Transport"]


class _SyncBody(SyncBody, httpx.SyncByteStream):
    pass


class _AsyncBody(AsyncBody, httpx.AsyncByteStream):
    pass


class Transport(SyncCore, httpx.BaseTransport):
    """For httpx.Client; any number of threads."""

    library: ClassVar[Any] = httpx
    sync_body: ClassVar[Any] = _SyncBody


class AsyncTransport(AsyncCore, httpx.AsyncBaseTransport):
    """For httpx.AsyncClient, on asyncio and trio. verify() blocks."""

    library: ClassVar[Any] = httpx
    async_body: ClassVar[Any] = _AsyncBody
