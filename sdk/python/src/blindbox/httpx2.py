# SPDX-License-Identifier: Apache-2.0
"""Attested transports for httpx2, the successor of httpx that newer openai packages use:

    httpx2.Client(transport=blindbox.httpx2.Transport("https://host:8443", policy), base_url="https://host:8443")
"""

from typing import Any, ClassVar

import httpx2

from ._transport import AsyncBody, AsyncCore, SyncBody, SyncCore

__all__ = ["AsyncTransport", "Transport"]


class _SyncBody(SyncBody, httpx2.SyncByteStream):
    pass


class _AsyncBody(AsyncBody, httpx2.AsyncByteStream):
    pass


class Transport(SyncCore, httpx2.BaseTransport):
    """For httpx2.Client; any number of threads."""

    library: ClassVar[Any] = httpx2
    sync_body: ClassVar[Any] = _SyncBody


class AsyncTransport(AsyncCore, httpx2.AsyncBaseTransport):
    """For httpx2.AsyncClient, on asyncio and trio. verify() blocks."""

    library: ClassVar[Any] = httpx2
    async_body: ClassVar[Any] = _AsyncBody
