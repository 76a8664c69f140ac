"""Whether all that was seen of the sessions in a soak can be true of an honest relay.

Both ends, the access log and the maker of the faults report; `violations` says what is wrong.
Of one direction, from A to B:

    B has received a beginning of what A has sent            (each byte is checked on arrival)
    B has seen the end of the stream only if A has ended it, and then it has all
    A session that neither side has reset is broken only if a fault was there that may break it
"""

import bisect
import collections
import json

import mixture

GRACE = 0.2  # seconds for which a fault has effects when it is over
KEPT = 20    # violations told in full


class Judge:
    def __init__(self, has_records=True):
        self.has_records = has_records
        self.half = {}       # number: the report of one side
        self.pairs = {}      # number: (the client's report, the upstream's), no record yet
        self.records = {}    # number: a record whose reports are still to come
        self.windows = []    # (begin, end) of faults that may break sessions, in order
        self.story = []      # (begin, end, name) of all faults
        self.violations = []
        self.count = collections.Counter()
        self.reasons = collections.Counter()
        self.bytes = collections.Counter()

    def wrong(self, what, *details):
        self.count["violations"] += 1
        if len(self.violations) < KEPT:
            told = [str(detail) for detail in details]
            for report in details:
                if hasattr(report, "began"):
                    told += [f"in its time: {name}" for begin, end, name in self.story
                             if begin <= report.ended and end + GRACE >= report.began]
            self.violations.append(f"{what}: " + "; ".join(dict.fromkeys(told)))

    # -- what comes in -----------------------------------------------------------------------

    def fault(self, begin, end, name, breaks):
        self.story.append((begin, end, name))
        if breaks:
            self.windows.append((begin, end + GRACE))

    def report(self, report):
        self.count[report.side] += 1
        self.count[report.end] += report.side == "client"
        if report.end == "wrong":
            self.wrong("a byte out of place", report)
        if report.number < 0:
            if report.eof:
                self.wrong("a clean end before the first byte", report)
            return
        self.bytes[report.side, "sent"] += report.sent
        self.bytes[report.side, "received"] += report.received
        other = self.half.pop(report.number, None)
        if other is None:
            self.half[report.number] = report
            return
        pair = (other, report) if other.side == "client" else (report, other)
        self.pairs[report.number] = pair
        self.match(report.number)

    def record(self, line):
        """A line of the access log."""
        try:
            record = json.loads(line)
        except ValueError:
            self.wrong("a line that is no record", line[:200])
            return
        self.count["records"] += 1
        self.reasons[record["reason"]] += 1
        self.bytes["up"] += record["bytes_up"]
        self.bytes["down"] += record["bytes_down"]
        if not (record["client"] or "").startswith("127."):
            self.count["nameless"] += 1  # its client had reset before it was accepted
            return
        number = mixture.identity_of(record["client"])
        if number in self.records:
            self.wrong("two records", record, self.records[number])
        self.records[number] = record
        self.match(number)

    # -- what it must be ---------------------------------------------------------------------

    def match(self, number):
        """Judges a session once all that is to be known of it is here; then it is forgotten."""
        if number not in self.pairs or (self.has_records and number not in self.records):
            return
        pair = self.pairs.pop(number)
        self.check_pair(*pair)
        if self.has_records:
            self.check_record(self.records.pop(number), *pair)

    def finish(self):
        """No further report is to come: what is left lacks a part."""
        for pair in self.pairs.values():
            self.check_pair(*pair)
            self.miss(*pair)
        for report in self.half.values():
            self.check_alone(report)
            if report.number not in self.records:
                self.miss(report)
        for number, record in self.records.items():
            report = self.half.get(number)
            if report is None:
                self.wrong("a record of a session that nobody has had", record)
            elif record["reason"] == "closed":
                self.wrong("a session of one side has closed well", record, report)

    def miss(self, *reports):
        """Of these there is no record: it was dropped, or does not name the client."""
        if "own reset" not in [report.end for report in reports] and not self.excused(*reports):
            self.count["missing"] += 1

    def excused(self, *reports):
        """Whether there was a fault in their time that may have broken the session."""
        begin = min(report.began for report in reports)
        end = max(report.ended for report in reports)
        at = bisect.bisect_left(self.windows, (end, end))
        return at > 0 and self.windows[at - 1][1] >= begin  # they come one after the other

    def check_pair(self, client, upstream):
        for a, b in ((client, upstream), (upstream, client)):
            if b.received > a.sent:
                self.wrong("more than was sent", a, b)
            if b.eof and not a.fin:
                self.wrong("a clean end that was none", a, b)
            elif b.eof and b.received != a.sent:
                self.wrong("a clean end with bytes missing", a, b)
        ends = {client.end, upstream.end}
        in_peace = not self.excused(client, upstream)
        self.count["in peace"] += in_peace
        if ends != {"done"} and "own reset" not in ends and in_peace:
            self.wrong("a sound session was broken", client, upstream)

    def check_alone(self, report):
        if report.side == "upstream":
            self.wrong("a session without a client", report)
        elif report.eof or report.received:
            self.wrong("bytes or an end from nobody", report)
        elif report.end != "own reset" and not self.excused(report):
            self.wrong("a session that reached nobody", report)

    def check_record(self, record, client, upstream):
        if not (upstream.received <= record["bytes_up"] <= client.sent
                and client.received <= record["bytes_down"] <= upstream.sent):
            self.wrong("bytes in a record", record, client, upstream)
        if client.end == upstream.end == "done":
            if (record["reason"] != "closed" or record["bytes_up"] != client.sent
                    or record["bytes_down"] != upstream.sent):
                self.wrong("the record of a sound session", record, client, upstream)
        elif self.excused(client, upstream):
            if record["reason"] == "closed" and not (client.fin and upstream.fin):
                self.wrong("a record of a clean end", record, client, upstream)
        else:
            by = {report.side for report in (client, upstream) if report.end == "own reset"}
            if by and (record["reason"] != "reset" or record["by"] not in by):
                self.wrong("the record of a reset", record, client, upstream)

    def check_counters(self, figures, dropped):
        """The last line of statistics against all this."""
        expected = {"active": 0, "total": self.count["client"], "rejected": 0}
        for name, value in expected.items():
            if figures.get(name, 0) != value:
                self.wrong(f"the counter {name}", figures, value)
        if (self.count["records"] + dropped != self.count["client"]
                or self.count["missing"] > dropped):
            self.wrong("records", self.count, f"{dropped} dropped")
        ended = sum(value for name, value in figures.items()
                    if name not in ("active", "total", "rejected", "up", "down"))
        if ended != figures["total"]:
            self.wrong("the counters of reasons", figures)
        for way, sender, receiver in (("up", "client", "upstream"), ("down", "upstream", "client")):
            if not (self.bytes[receiver, "received"] <= figures[way]
                    <= self.bytes[sender, "sent"]) or figures[way] < self.bytes[way]:
                self.wrong(f"the counter {way}", figures, self.bytes)
        for reason, count in self.reasons.items():
            if not count <= figures.get(reason, 0) <= count + dropped:
                self.wrong(f"the counter {reason}", figures, self.reasons, dropped)
