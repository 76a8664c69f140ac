"""The text format of metrics (Prometheus, "exposition formats"), read strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict

from verdict import Failed

_LABEL = r'[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"'
_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(\{(?:%s(?:,%s)*,?)?\})? (\S+)( -?\d+)?$"
                     % (_LABEL, _LABEL))
_TYPE = re.compile(r"# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram|summary|untyped)$")
_PARTS = ("_bucket", "_sum", "_count")  # of a histogram, of a summary


@dataclass
class Samples:
    """By name and labels as they stand there."""

    values: Dict[str, float] = field(default_factory=dict)
    types: Dict[str, str] = field(default_factory=dict)

    def counters(self) -> Dict[str, float]:
        """Everything that may only grow."""
        return {key: value for key, value in self.values.items() if self._grows(key)}

    def _grows(self, key: str) -> bool:
        name = key.partition("{")[0]
        for part in _PARTS:
            whole = self.types.get(name[:-len(part)])
            if name.endswith(part) and whole in ("histogram", "summary"):
                return True
        return self.types.get(name) == "counter"


def parse(text: str) -> Samples:
    found = Samples()
    if not text.endswith("\n"):
        raise Failed("the metrics do not end with the end of a line")
    for number, line in enumerate(text.splitlines(), 1):
        kind = _TYPE.match(line)
        if kind:
            if kind[1] in found.types:
                raise Failed("line %d of the metrics: a second type of %s" % (number, kind[1]))
            found.types[kind[1]] = kind[2]
        if not line or line.startswith("#"):
            continue
        sample = _SAMPLE.match(line)
        key = sample and sample[1] + (sample[2] or "")
        if not sample or key in found.values:
            raise Failed("line %d of the metrics is %s: %s"
                         % (number, "a sample that was there before" if sample else "no sample",
                            line[:100]))
        try:
            found.values[key] = float(sample[3])
        except ValueError:
            raise Failed("line %d of the metrics has no number: %s" % (number, line[:100]))
    return found
