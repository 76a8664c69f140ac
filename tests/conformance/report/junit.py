"""Results in the XML that Bazel and CI systems read, so that each case counts there as one."""

from __future__ import annotations

from typing import Iterable, Tuple
from xml.sax.saxutils import quoteattr

_BODY = {"pass": "", "fail": "<failure message=%s/>", "na": "<skipped message=%s/>"}


def write(path: str, suite: str, results: Iterable[Tuple[str, str, str, float]]) -> None:
    """Results are (name, "pass" | "fail" | "na", reason, seconds)."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>",
             "<testsuite name=%s>" % quoteattr(suite)]
    for name, verdict, reason, seconds in results:
        body = _BODY[verdict]
        lines.append('<testcase name=%s time="%.1f">%s</testcase>'
                     % (quoteattr(name), seconds, body % quoteattr(reason) if body else ""))
    with open(path, "w") as file:
        file.write("\n".join(lines + ["</testsuite>", "</testsuites>", ""]))
