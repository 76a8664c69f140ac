// What has happened, the newest first.

import {byId, create, options, reconcile} from './dom.js';
import * as format from './format.js';

const MOST = 1024;   // as many as the process keeps
const SHOWN = 200;
// Those that the charts mark.
const MARKED = new Set(['health', 'ejection', 'panic', 'reload', 'upgrade', 'drain']);

export class EventLog {
  events = [];  // the oldest first
  run = null;
  last = 0;

  constructor() {
    this.kind = byId('event-kind');
    this.kind.onchange = () => this.show();
  }

  // To ask for those that are not known yet.
  query() {
    return this.run === null ? 'events' : `events?after=${this.last}&run=${this.run}`;
  }

  // Returns the new ones.
  add(answer) {
    const fresh = answer.events.map((each) => ({...each, time: Date.parse(each.at),
                                                key: `${answer.run}/${each.id}`}));
    const lost = answer.lost > 0 && this.run !== null;
    if (lost) this.events.push({key: `lost/${answer.run}/${answer.last}`, time: Date.now(), kind: '',
                                level: 'warn', text: `${answer.lost} events have gone unseen`});
    this.run = answer.run;
    this.last = answer.last;
    this.events.push(...fresh);
    this.events.splice(0, this.events.length - MOST);
    if (fresh.length || lost) this.show();
    return fresh;
  }

  marks() {
    return this.events.filter((each) => MARKED.has(each.kind))
        .map(({time, level}) => ({at: time, level}));
  }

  show() {
    const kinds = [...new Set(this.events.map((each) => each.kind))].filter(Boolean).sort();
    options(this.kind, [['', 'any'], ...kinds.map((each) => [each, each])]);
    const wanted = this.kind.value;
    const shown = this.events.filter((each) => !wanted || each.kind === wanted).slice(-SHOWN);
    reconcile(byId('event-list'), shown.reverse(), (each) => each.key, (each) => create('li', {},
        create('time', {className: 'quiet', dateTime: new Date(each.time).toISOString()},
               `${format.day(each.time)}, ${format.time(each.time)}`),
        create('span', {className: each.level === 'info' ? 'quiet' : each.level === 'warn' ? 'warn' : 'bad'},
               each.kind),
        create('span', {}, each.text)), () => {});
  }
}
