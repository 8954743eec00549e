# SPDX-License-Identifier: Apache-2.0
"""What a data owner accepts: policy.yml, or the container policy that clients of 2023 were given."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import pathlib
from collections.abc import Callable
from typing import Optional, Union

from . import _native
from .errors import PolicyError

__all__ = ["Policy"]

_CAP = 1 << 20
_WHERE = ("give a policy (policy.yml, made by \"blindbox policy\" or \"blindbox serve --print-policy\"), name one in "
          "$BLINDBOX_POLICY, or keep it as ~/.config/blindbox/policy.yml")


class Policy:
    """Immutable. str() is the file, as blindbox would write it."""

    __slots__ = ("_native", "source")

    def __init__(self, native: _native.Policy, source: str = "") -> None:
        self._native = native
        self.source = source

    @classmethod
    def load(cls, path: Union[str, os.PathLike[str]]) -> Policy:
        """Reads a file. PolicyError names the line and column of whatever is not exactly a policy."""
        return cls.parse(_read(path).decode("utf-8", "replace"), os.fspath(path))

    @classmethod
    def parse(cls, text: str, name: str = "policy") -> Policy:
        """From the text of a policy.yml; name is for messages."""
        try:
            return cls(_native.Policy.parse(text, name), name)
        except _native.Error as error:
            raise PolicyError(*error.args[1:]) from None

    @classmethod
    def from_container_policy(cls, path: Union[str, os.PathLike[str]]) -> Policy:
        """From a file with an Azure container (CCE) policy, in base64 as az confcom prints it, or in plain Rego.

        Accepts what the client of 2023 meant to: a utility VM that Microsoft endorses, on a processor with the firmware
        that AMD's bulletins ask for, launched with exactly this policy (HOST_DATA is its SHA-256).
        """
        digest = hashlib.sha256(_rego(_read(path), os.fspath(path))).digest()
        return cls(_native.Policy.container_policy(digest), os.fspath(path))

    @classmethod
    def of(cls, given: Optional[Union[Policy, str, os.PathLike[str]]] = None) -> Policy:
        """A policy as it is; a file of either kind; for None the user's own: $BLINDBOX_POLICY, else blindbox/policy.yml
        below $XDG_CONFIG_HOME or ~/.config. The working directory is not looked into: it may be somebody else's."""
        if isinstance(given, Policy):
            return given
        if given is None:
            given = _users_own()
        return cls.from_container_policy(given) if _is_container_policy(given) else cls.load(given)

    def __reduce__(self) -> tuple[Callable[[str, str], Policy], tuple[str, str]]:
        """To other processes and copies as its text, which is read there as a file is."""
        return Policy.parse, (str(self), self.source)

    @property
    def native(self) -> _native.Policy:
        """For this package."""
        return self._native

    def __str__(self) -> str:
        return self._native.yaml()

    def __repr__(self) -> str:
        return f"<blindbox.Policy {self.source}>" if self.source else "<blindbox.Policy>"


def safe_defaults() -> Policy:
    """Any machine and firmware, no expected software: for looking at evidence, and refused by every channel."""
    return Policy(_native.Policy.safe_defaults(), "the safe defaults")


def _users_own() -> str:
    named = os.environ.get("BLINDBOX_POLICY")
    if named is not None:
        if not named:
            raise PolicyError("$BLINDBOX_POLICY is set and empty", hint=_WHERE)
        return named
    home = os.environ.get("XDG_CONFIG_HOME", "")
    folder = pathlib.Path(home) if os.path.isabs(home) else pathlib.Path.home() / ".config"
    file = folder / "blindbox" / "policy.yml"
    if not file.is_file():
        raise PolicyError("no policy was given", f"and there is none at {file}", _WHERE)
    return str(file)


def _read(path: Union[str, os.PathLike[str]]) -> bytes:
    try:
        with open(path, "rb") as file:
            contents = file.read(_CAP + 1)
    except OSError as error:
        raise PolicyError(f"cannot read the policy {os.fspath(path)}", str(error), _WHERE) from None
    if len(contents) > _CAP:
        raise PolicyError(f"the policy {os.fspath(path)} is larger than {_CAP} bytes")
    return contents


def _rego(contents: bytes, name: str) -> bytes:
    """What the digest is taken of. The file as it is counts where it is Rego, trailing line break included."""
    if contents.lstrip().startswith(b"package "):
        return contents
    try:
        decoded = base64.b64decode(contents.strip(), validate=True)
    except binascii.Error:
        decoded = b""
    if not decoded.lstrip().startswith(b"package "):
        raise PolicyError(f"{name} is no container policy", "neither Rego nor its base64", _WHERE)
    return decoded


def _is_container_policy(path: Union[str, os.PathLike[str]]) -> bool:
    try:
        _rego(_read(path), "")
    except PolicyError:
        return False
    return True
