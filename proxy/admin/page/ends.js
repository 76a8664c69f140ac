// Why sessions ended, and why connections were rejected.

import {byId, create, fill, reconcile, row} from './dom.js';
import * as format from './format.js';

const CELLS = ['', '', 'number', 'number'];
const GOOD = new Set(['closed']);

// [{keys, total, recent}] of a counter, summed over the labels that are not named; the largest first.
function tally(now, before, name, labels) {
  const sums = new Map();
  for (const [series, {name: each, labels: own, value}] of now.counters) {
    if (each !== name || value === 0) continue;
    const keys = labels.map((label) => own[label]);
    const entry = sums.get(keys.join(' ')) ?? {keys, total: 0, recent: 0};
    entry.total += value;
    entry.recent += Math.max(0, value - (before?.counters.get(series)?.value ?? 0));
    sums.set(keys.join(' '), entry);
  }
  return [...sums.values()].sort((a, b) => b.total - a.total);
}

function list(id, entries, none) {
  const body = byId(id).tBodies[0];
  reconcile(body, entries.length ? entries : [null], (each) => each?.keys.join(' ') ?? '',
            (each) => (each ? row(CELLS)
                            : create('tr', {}, create('td', {colSpan: 4, className: 'quiet'}, none))),
            (node, each) => {
              if (!each) return;
              fill(node, [...each.keys, format.count(each.recent), format.count(each.total)]);
              node.cells[2].className = each.recent && !GOOD.has(each.keys[1]) ? 'number warn' : 'number';
            });
}

export function showEnds(now, before) {
  list('end-reasons', tally(now, before, 'session_ends_total', ['initiator', 'reason']),
       'No session has ended yet.');
  list('rejections', tally(now, before, 'rejections_total', ['listener', 'reason']),
       'No connection has been rejected.');
}
