# SPDX-License-Identifier: Apache-2.0
"""What verification found, check by check (docs/verdict.schema.json), as blindbox.verify() returns it."""

from __future__ import annotations

import dataclasses
import datetime
import json

from collections.abc import Sequence
from typing import Any, Optional

from . import _native
from .errors import AttestationError, class_for_check

__all__ = ["Check", "Verdict"]


@dataclasses.dataclass(frozen=True)
class Check:
    """One check. outcome: "passed", "failed", or "not_requested", which is no pass; stage: "parse", "authenticate",
    "appraise"; reference: the clause that it enforces; purpose: what it is for, in a sentence."""

    id: str
    stage: str
    outcome: str
    expected: str
    actual: str
    reference: str
    purpose: str

    def __str__(self) -> str:
        return f"{self.id}: expected {self.expected}, found {self.actual}: {self.outcome}"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A judgement. It is true where the evidence was accepted: "if blindbox.verify(url, policy): ...".

    stage: "accepted", or why not: "malformed", "not_authentic", "not_acceptable"; emulated: NOT A TEE; judged_at: in UTC;
    checks: in the order in which they ran; notes: what an accepting verdict does not say.
    """

    accepted: bool
    stage: str
    emulated: bool
    judged_at: datetime.datetime
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    _reason: tuple[str, str, str] = dataclasses.field(default=("", "", ""), repr=False, compare=False)

    def __bool__(self) -> bool:
        return self.accepted

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.outcome == "failed")

    def error(self) -> Optional[AttestationError]:
        """What a refusal raises, by the first check that failed; None where the verdict accepts."""
        if self.accepted:
            return None
        failed = self.failed
        kind = class_for_check(failed[0].id) if failed else AttestationError
        what, detail, hint = self._reason
        return kind(what or "the evidence is refused", detail or "\n  ".join(map(str, failed)), hint, verdict=self)

    def raise_for_refusal(self) -> Verdict:
        """Itself where it accepts; raises error() where it does not."""
        error = self.error()
        if error is not None:
            raise error
        return self

    def to_dict(self) -> dict[str, Any]:
        """The members that "blindbox verify --json" prints for a judgement."""
        return {
            "verdict": "accepted" if self.accepted else "refused",
            "stage": self.stage,
            "emulated": self.emulated,
            "judged_at": self.judged_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "checks": [dataclasses.asdict(check) for check in self.checks],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [str(check) for check in self.checks if check.outcome != "not_requested"]
        lines.append(f"verdict: {'accepted' if self.accepted else 'REFUSED'}")
        if self.emulated:
            lines.append("*** EMULATED, NOT A TEE ***")
        return "\n".join(lines)


def from_native(text: str, notes: Sequence[str] = (), failure: Optional[_native.Failure] = None) -> Verdict:
    """A verdict from the C++ library's JSON."""
    told = json.loads(text)
    judged_at = datetime.datetime.strptime(told["judged_at"], "%Y-%m-%dT%H:%M:%SZ")
    return Verdict(
        accepted=told["verdict"] == "accepted",
        stage=told["stage"],
        emulated=told["emulated"],
        judged_at=judged_at.replace(tzinfo=datetime.timezone.utc),
        checks=tuple(Check(**check) for check in told["checks"]),
        notes=tuple(notes),
        _reason=("", "", "") if failure is None else (failure.what, failure.detail, failure.hint),
    )


