# SPDX-License-Identifier: Apache-2.0
"""requests.Session over attested TLS alone, and the SecureSession of 2023."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator
from typing import Any, Optional, Union
from urllib.parse import urljoin

import requests
from requests import PreparedRequest, Response, exceptions

from .._channel import Endorsements, Server
from ..errors import OtherServerError, PolicyError, UsageError
from ..policy import Policy
from ..verdict import Verdict
from .adapter import AttestedAdapter

PolicyLike = Union[Policy, str, "os.PathLike[str]"]


class Session(requests.Session):
    """requests.Session whose every request leaves over attested TLS, behind an accepted verdict.

    policy: a Policy or its file; None: the user's own (blindbox.Policy.of). server: the URL of the one server that there
    is; None: each that a request names, all judged by the same policy. A redirect to another server is refused, proxies
    and credentials of the environment (trust_env) are not looked at, and http:// means attested TLS on that port too.
    """

    def __init__(self, policy: Optional[PolicyLike] = None, server: Optional[str] = None, *,
                 endorsements: Optional[Endorsements] = None, pool_size: int = 10, attest_every: float = 300.0) -> None:
        super().__init__()
        self.trust_env = False
        self._attested = AttestedAdapter(Policy.of(policy), None if server is None else Server.of(server), endorsements,
                                         keep=pool_size, attest_every=attest_every)
        self.mount("https://", self._attested)
        self.mount("http://", self._attested)

    @property
    def verdict(self) -> Optional[Verdict]:
        """Behind which the last request left; None before the first."""
        return self._attested.verdict()

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """What the caller said, and nothing of the environment."""
        return {
            "proxies": {**self.proxies, **(proxies or {})},
            "stream": self.stream if stream is None else stream,
            "verify": self.verify if verify is None else verify,
            "cert": self.cert if cert is None else cert,
        }

    def rebuild_proxies(self, prepared_request: PreparedRequest, proxies: Any) -> dict[str, str]:
        return dict(proxies or {})

    def get_redirect_target(self, resp: Response) -> Optional[str]:
        target = super().get_redirect_target(resp)
        if target is not None:
            here, there = Server.of(resp.url), Server.of(urljoin(resp.url, target))
            if there != here:
                raise OtherServerError(f"the server redirects to {there}", f"this answer came from {here}",
                                       "nothing was sent there; make another session for it if it is meant")
        return target

    def resolve_redirects(self, resp: Response, req: PreparedRequest, *args: Any, yield_requests: bool = False,
                          **kwargs: Any) -> Generator[Any, None, None]:
        resolve: Any = super().resolve_redirects
        redirects = resolve(resp, req, *args, yield_requests=yield_requests, **kwargs)
        if not yield_requests:
            yield from redirects
            return
        try:  # only asked what would be next: nothing follows, and the caller sees the answer
            yield from redirects
        except OtherServerError:
            return

    def __getstate__(self) -> Any:
        raise TypeError("an attested session cannot be pickled; make one where it is needed")


class SecureSession(Session):
    """One server, attested before anything else: the client of 2023, verified in process.

    addr: https://host:port, or http://, which means the same here. cce_policy: a policy.yml, a Policy, or a file with the
    container policy (base64), as in 2023; None: the user's own policy. Methods take the endpoint's path.

    Raises the AttestationError of the first check that failed; requests.exceptions.MissingSchema without an address,
    ContentDecodingError where the policy is none. attestation_endpoint named Microsoft's service, which is asked no more;
    debug_mode switched attestation off, which cannot be done: an emulator that the policy trusts by name takes its place.
    """

    def __init__(self, addr: str, cce_policy: Optional[PolicyLike] = None, attestation_endpoint: Optional[str] = None,
                 debug_mode: bool = False, *, cce_file: Optional[PolicyLike] = None, policy: Optional[PolicyLike] = None,
                 timeout: Optional[float] = None, **options: Any) -> None:
        if not addr:
            raise exceptions.MissingSchema("Missing URL for the Secure Session instance: write https://host:port")
        if debug_mode:
            raise UsageError("attestation cannot be switched off", "debug_mode=True was given",
                             "run \"blindbox emulator\", and name its root in the policy")
        if attestation_endpoint is not None:
            warnings.warn("attestation_endpoint is not used: evidence is verified in this process", DeprecationWarning,
                          stacklevel=2)
        given = [one for one in (cce_policy, cce_file, policy) if one is not None]
        if len(given) > 1:
            raise UsageError("more than one policy was given", hint="leave cce_policy, cce_file or policy away")
        try:
            super().__init__(given[0] if given else None, addr, **options)
        except PolicyError as error:
            raise _NoPolicy(error.what, error.detail, error.hint) from None
        self.base_url = addr if "://" in addr else "https://" + addr
        self._attested.channel(Server.of(addr)).attest(timeout)

    def request(self, method: Any, *args: Any, **kwargs: Any) -> Response:
        """url, or endpoint as in 2023: a path at the server, or a URL of it; another server's is an OtherServerError."""
        place = args[0] if args else kwargs.pop("url", kwargs.pop("endpoint", ""))
        return super().request(method, urljoin(self.base_url, place), *args[1:], **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Response:
        return super().get(**_placed(args, kwargs))

    def options(self, *args: Any, **kwargs: Any) -> Response:
        return super().options(**_placed(args, kwargs))

    def head(self, *args: Any, **kwargs: Any) -> Response:
        return super().head(**_placed(args, kwargs))

    def post(self, *args: Any, **kwargs: Any) -> Response:
        return super().post(**_placed(args, kwargs))

    def put(self, *args: Any, **kwargs: Any) -> Response:
        return super().put(**_placed(args, kwargs))

    def patch(self, *args: Any, **kwargs: Any) -> Response:
        return super().patch(**_placed(args, kwargs))

    def delete(self, *args: Any, **kwargs: Any) -> Response:
        return super().delete(**_placed(args, kwargs))


def _placed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """By name: url (also called endpoint), data, json, as the methods of requests take them in this order."""
    named = dict(zip(("url", "data", "json"), args))
    if "endpoint" in kwargs:
        named["url"] = kwargs["endpoint"]
    return {"url": "", **named, **{name: value for name, value in kwargs.items() if name != "endpoint"}}


class _NoPolicy(PolicyError, exceptions.ContentDecodingError):
    """As the client of 2023 said it."""


SecuredSession = SecureSession


def connect(addr: str, cce_file: Optional[PolicyLike] = None, attestation_endpoint: Optional[str] = None,
            debug_mode: bool = False, **options: Any) -> SecureSession:
    """A SecureSession, as in 2023."""
    return SecureSession(addr, cce_file, attestation_endpoint, debug_mode, **options)


def session() -> Session:
    """As requests.session(): by the user's own policy."""
    return Session()
