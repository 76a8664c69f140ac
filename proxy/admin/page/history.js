// What the page has seen since it was opened: a point for each answer, for an hour.
//
// Rates are differences of counters of two answers of one process; after a restart they begin again.

import * as metrics from './metrics.js';

const KEPT = 3600_000;    // ms, of points
const MINUTE = 60_000;    // ms: "of the last minute"
const GAP = 15_000;       // ms without an answer: the lines of the charts have a gap there

export class History {
  points = [];   // {at, pid, up, down, active, opened, rejected, histograms}, rates per second
  minute = [];   // {at, pid, metrics} of the last minute, and one before
  last = null;   // {at, pid, info, listeners: Map}

  // What the answers that came together at `at` say.
  add(at, info, listeners, parsed) {
    const before = this.last?.pid === info.pid ? this.last : null;
    const time = before ? (at - before.at) / 1000 : 0;
    const rate = (now, then) => (time > 0 ? Math.max(0, now - then) / time : null);
    const rejected = Object.values(info.rejections).reduce((a, b) => a + b, 0);
    const totals = new Map();
    for (const [name, pairs] of parsed.histograms) totals.set(name, metrics.sum(pairs));
    if (this.last && at - this.last.at > GAP) this.points.push({at: at - 1, isGap: true});
    this.points.push({
      at, pid: info.pid, active: info.sessions_active,
      up: rate(info.bytes_up, before?.info.bytes_up),
      down: rate(info.bytes_down, before?.info.bytes_down),
      opened: rate(info.sessions_total, before?.info.sessions_total),
      rejected: rate(rejected, before?.rejected),
      histograms: totals,
    });
    while (this.points[0].at < at - KEPT) this.points.shift();
    this.rates = new Map(listeners.map((each) => {
      const then = before?.listeners.get(each.name);
      return [each.name, {
        opened: then ? rate(each.sessions_total, then.sessions_total) : null,
        up: then ? rate(each.bytes_up, then.bytes_up) : null,
        down: then ? rate(each.bytes_down, then.bytes_down) : null,
      }];
    }));
    this.last = {at, pid: info.pid, info, rejected,
                 listeners: new Map(listeners.map((each) => [each.name, each]))};
    this.minute.push({at, pid: info.pid, metrics: parsed});
    while (this.minute.length > 1 && this.minute[1].at <= at - MINUTE) this.minute.shift();
  }

  // The metrics of a minute ago, or of the first answer of this process.
  minuteAgo() {
    return this.minute.find((each) => each.pid === this.last?.pid)?.metrics;
  }

  // Whether that is a minute ago.
  hasMinute() {
    const first = this.minute.find((each) => each.pid === this.last?.pid);
    return Boolean(first) && first.at <= this.last.at - MINUTE;
  }

  // {at, isGap} or the point; `from` on.
  since(from) {
    const first = this.points.findIndex((point) => point.at >= from);
    return first < 0 ? [] : this.points.slice(Math.max(0, first - 1));
  }

  // The counts of a histogram in the minute before each of `points`, which are of this.points.
  countsBefore(name, points) {
    let begin = 0;
    return points.map((point) => {
      if (point.isGap) return null;
      while (this.points[begin].at < point.at - MINUTE || this.points[begin].isGap ||
             (this.points[begin].pid !== point.pid && this.points[begin].at < point.at)) ++begin;
      const now = point.histograms.get(name) ?? [];
      const before = this.points[begin].histograms?.get(name);
      return this.points[begin] === point ? null : metrics.since(now, before);
    });
  }
}
