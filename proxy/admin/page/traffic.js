// Throughput and sessions over time, and the listeners.

import {lineChart, show, thinned} from './charts.js';
import {byId, fill, reconcile, row, setText} from './dom.js';
import * as format from './format.js';

const LISTENER = ['', 'wide', '', 'number', 'number', 'number', 'number', 'number', 'number'];
const BYTES = ['up', 'down'];
const SESSIONS = ['active', 'opened', 'rejected'];
const NAMES = {up: 'up', down: 'down', active: 'open', opened: 'new / s', rejected: 'rejected / s'};

const known = (value, text) => (value === null || value === undefined ? '–' : text(value));
const sum = (object) => Object.values(object).reduce((a, b) => a + b, 0);

export class Traffic {
  constructor(marksOf) {
    this.bytes = lineChart(byId('chart-bytes'), BYTES.map((key) => NAMES[key]),
                           format.bytesPerSecond, marksOf);
    this.sessions = lineChart(byId('chart-sessions'), SESSIONS.map((key) => NAMES[key]),
                              format.perSecond, marksOf);
    this.minutes = 5;
    for (const button of document.querySelectorAll('[data-minutes]')) {
      button.onclick = () => this.choose(Number(button.dataset.minutes));
    }
    this.onChoice = () => {};
  }

  choose(minutes) {
    this.minutes = minutes;
    for (const button of document.querySelectorAll('[data-minutes]')) {
      button.setAttribute('aria-pressed', String(Number(button.dataset.minutes) === minutes));
    }
    this.onChoice();
  }

  // {from, to, points} of what the charts show: not more than there is, but for the first minute.
  range(history) {
    const to = history.last.at;
    const from = Math.max(to - this.minutes * 60_000, Math.min(history.points[0].at, to - 60_000));
    return {from, to, points: thinned(history.since(from))};
  }

  show(history, listeners) {
    const {from, to, points} = this.range(history);
    this.lines(this.bytes, 'legend-bytes', BYTES, format.bytesPerSecond, points, from, to);
    this.lines(this.sessions, 'legend-sessions', SESSIONS, format.perSecond, points, from, to);
    reconcile(byId('listeners').tBodies[0], listeners, (each) => each.name, () => row(LISTENER),
              (node, each) => {
                const rates = history.rates.get(each.name);
                fill(node, [
                  each.name, each.addresses.join(', '), each.upstream,
                  format.count(each.sessions_active),
                  each.max_connections ? format.count(each.max_connections) : '–',
                  known(rates.opened, format.perSecond), format.count(sum(each.rejections)),
                  known(rates.up, format.bytesPerSecond), known(rates.down, format.bytesPerSecond),
                ]);
              });
  }

  lines(chart, legend, keys, text, points, from, to) {
    show(chart, keys.map((key) => points.map((point) => ({x: point.at, y: point[key] ?? NaN}))),
         from, to);
    const last = points.at(-1);
    reconcile(byId(legend), keys, (key) => key, () => document.createElement('li'),
              (node, key) => setText(node, `${NAMES[key]} ${known(last?.[key], text)}`));
  }
}
