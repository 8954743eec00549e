# SPDX-License-Identifier: Apache-2.0
"""openai.OpenAI and openai.AsyncOpenAI against an attested server."""

from __future__ import annotations

from typing import Any, Optional

import openai

from ._channel import Server
from ._transport import PolicyLike

__all__ = ["async_client", "client"]

# A key of OpenAI's own, which the environment may hold, is nobody else's business.
_NO_KEY = "blindbox"


def client(url: str, policy: Optional[PolicyLike] = None, *, timeout: Optional[float] = None,
           transport: Optional[dict[str, Any]] = None, **options: Any) -> openai.OpenAI:
    """An openai.OpenAI whose base_url is url/v1. The server is verified first: AttestationError where it is refused.

    policy: a Policy or its file, None for the user's own; timeout: seconds for that verification; transport: arguments of
    blindbox.httpx.Transport; options: openai.OpenAI's. Later refusals come as openai.APIConnectionError, whose __cause__
    is the AttestationError.
    """
    chosen = _library().Transport(url, policy, **(transport or {}))
    chosen.verify(timeout)
    http_client = openai.DefaultHttpxClient(transport=chosen)
    return openai.OpenAI(http_client=http_client, **_defaults(url, options))


def async_client(url: str, policy: Optional[PolicyLike] = None, *, timeout: Optional[float] = None,
                 transport: Optional[dict[str, Any]] = None, **options: Any) -> openai.AsyncOpenAI:
    """The same for openai.AsyncOpenAI. It blocks while the server is verified."""
    chosen = _library().AsyncTransport(url, policy, **(transport or {}))
    chosen.verify(timeout)
    http_client = openai.DefaultAsyncHttpxClient(transport=chosen)
    return openai.AsyncOpenAI(http_client=http_client, **_defaults(url, options))


def _defaults(url: str, options: dict[str, Any]) -> dict[str, Any]:
    return {"api_key": _NO_KEY, "organization": "", "project": "", "base_url": f"https://{Server.of(url)}/v1", **options}


def _library() -> Any:
    """Whichever of the two libraries openai itself stands on."""
    names = {base.__module__.partition(".")[0] for base in openai.DefaultHttpxClient.__mro__}
    if "httpx2" in names:
        from . import httpx2

        return httpx2
    from . import httpx

    return httpx
