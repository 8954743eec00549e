# SPDX-License-Identifier: Apache-2.0
"""get(), post() and so on: one attested session for one request.

Beside the arguments of requests each takes policy (or cce_policy, as in 2023): a Policy or its file, the user's own unless
given (blindbox.Policy.of). A program that asks more than once keeps a Session, which keeps its connections.
"""

from __future__ import annotations

from typing import Any, Optional

from requests import Response

from .sessions import PolicyLike, Session

__all__ = ["delete", "get", "head", "options", "patch", "post", "put", "request"]


def request(method: str, url: str, *, policy: Optional[PolicyLike] = None, cce_policy: Optional[PolicyLike] = None,
            **kwargs: Any) -> Response:
    """As requests.request, to a server that the policy accepts; AttestationError otherwise, and nothing was sent."""
    with Session(policy if policy is not None else cce_policy) as session:
        return session.request(method=method, url=url, **kwargs)


def get(url: str, params: Any = None, **kwargs: Any) -> Response:
    return request("get", url, params=params, **kwargs)


def options(url: str, **kwargs: Any) -> Response:
    return request("options", url, **kwargs)


def head(url: str, **kwargs: Any) -> Response:
    kwargs.setdefault("allow_redirects", False)
    return request("head", url, **kwargs)


def post(url: str, data: Any = None, json: Any = None, **kwargs: Any) -> Response:
    return request("post", url, data=data, json=json, **kwargs)


def put(url: str, data: Any = None, **kwargs: Any) -> Response:
    return request("put", url, data=data, **kwargs)


def patch(url: str, data: Any = None, **kwargs: Any) -> Response:
    return request("patch", url, data=data, **kwargs)


def delete(url: str, **kwargs: Any) -> Response:
    return request("delete", url, **kwargs)
