"""What the pre-flight check found."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .._checks import nearest

Severity: TypeAlias = Literal["ok", "warning", "error"]

_RANK = {"ok": 0, "warning": 1, "error": 2}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    id
        Identifier in kebab-case, by which `allow` overrides it.
    severity
        ``"ok"``, ``"warning"`` or ``"error"``.
    message
        What was found.
    advice
        The way out; empty where all is well.
    allowed
        Whether the user has overridden it.
    """

    id: str
    severity: Severity
    message: str
    advice: str = ""
    allowed: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "severity": self.severity,
            "message": self.message,
            "advice": self.advice,
        }


@dataclass(frozen=True)
class Report:
    """All findings of a pre-flight check; prints as a table."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error that the user has not allowed."""
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(
            f for f in self.findings if f.severity == "error" and not f.allowed
        )

    @property
    def worst(self) -> Severity:
        return max((f.severity for f in self.findings), key=_RANK.__getitem__)

    def allowing(self, names: tuple[str, ...]) -> "Report":
        """The same report with the findings of these names overridden.

        Raises
        ------
        ValueError
            If a name is no identifier of a finding.
        """
        from ._findings import IDENTIFIERS

        unknown = [name for name in names if name not in IDENTIFIERS]
        if unknown:
            raise ValueError(
                f"`allow` names the unknown finding {unknown[0]!r}; there are "
                f"{', '.join(sorted(IDENTIFIERS))}.{nearest(unknown[0], IDENTIFIERS)}"
            )
        return Report(
            tuple(
                Finding(f.id, f.severity, f.message, f.advice, f.id in names)
                for f in self.findings
            )
        )

    def __str__(self) -> str:
        width = max(len(f.id) for f in self.findings)
        lines = []
        for f in self.findings:
            mark = "allowed" if f.allowed and f.severity == "error" else f.severity
            lines.append(f"{mark:8}{f.id:{width}}  {f.message}")
            if f.advice:
                lines.append(f"{'':8}{'':{width}}  {f.advice}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, "findings": [f.as_dict() for f in self.findings]}


class PreflightError(Exception):
    """The pre-flight check found that this solve cannot give the answer.

    Attributes
    ----------
    report
        The whole report.
    """

    report: Report

    def __init__(self, report: Report):
        self.report = report
        lines = []
        for f in report.errors:
            lines.append(f"{f.id}: {f.message} {f.advice}".rstrip())
        names = ", ".join(repr(f.id) for f in report.errors)
        lines.append(f"To solve all the same, pass `allow=[{names}]`.")
        super().__init__("\n".join(lines))
