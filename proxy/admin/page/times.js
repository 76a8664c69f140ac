// Percentiles from the histograms of /metrics.

import {lineChart, show} from './charts.js';
import {byId, fill, options, reconcile, row, setText} from './dom.js';
import * as format from './format.js';
import * as metrics from './metrics.js';

const SHARES = [0.5, 0.9, 0.99];
const NAMES = ['50 %', '90 %', '99 %'];
const WHILE_YOUNG = 'Since the process began, until this page has been open for a minute';
const FIRST = 'first_byte_duration_seconds';
// How people say it.
const WORDS = {
  first_byte_duration_seconds: 'the first byte of an answer',
  connect_duration_seconds: 'connecting to an endpoint',
  queue_duration_seconds: 'waiting for a free slot',
  session_duration_seconds: 'whole sessions',
  client_round_trip_seconds: 'round trips to clients',
  upstream_round_trip_seconds: 'round trips to endpoints',
};

export class Times {
  constructor(marksOf) {
    this.chart = lineChart(byId('chart-times'), NAMES, format.duration, marksOf);
    this.select = byId('histogram');
    this.select.onchange = () => this.onChoice();
    this.onChoice = () => {};
  }

  show(history, now, range) {
    const names = [...now.histograms.keys()].sort((a, b) => (b === FIRST) - (a === FIRST));
    options(this.select, names.map((name) => [name, WORDS[name] ?? name.replaceAll('_', ' ')]));
    const name = this.select.value;
    const bounds = now.bounds.get(name) ?? [];
    const counts = history.countsBefore(name, range.points);
    const lines = SHARES.map((share) => range.points.map((point, index) => ({
      x: point.at, y: (counts[index] && metrics.quantile(bounds, counts[index], share)) ?? NaN,
    })));
    show(this.chart, lines, range.from, range.to);
    const hasMinute = history.hasMinute();
    const before = hasMinute ? history.minuteAgo().histograms.get(name) : null;
    setText(byId('percentiles').caption, hasMinute ? 'Of the last minute' : WHILE_YOUNG);
    const pairs = [...(now.histograms.get(name) ?? [])];
    const last = pairs.map(([pair, total]) => [pair, metrics.since(total, before?.get(pair))]);
    const all = metrics.sum(new Map(last));
    reconcile(byId('legend-times'), NAMES, (each) => each, () => document.createElement('li'),
              (node, each) => setText(node, `${each} ${format.duration(
                  metrics.quantile(bounds, all, SHARES[NAMES.indexOf(each)]))}`));
    reconcile(byId('percentiles').tBodies[0], last, ([pair]) => pair,
              () => row(['', 'number', 'number', 'number', 'number']), (node, [pair, total]) => {
                fill(node, [pair, format.count(total.at(-1) ?? 0),
                            ...SHARES.map((share) => format.duration(metrics.quantile(bounds, total, share)))]);
              });
  }
}
