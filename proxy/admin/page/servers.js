// Upstreams and their endpoints: health at a glance, with what it was before, and what can be done.

import {act, endpointPath} from './api.js';
import {confirm} from './dialog.js';
import {byId, create, fill, reconcile, row, setText} from './dom.js';
import * as format from './format.js';

const CELLS = ['', '', 'good', '', 'number', 'number', 'number', '', ''];
const HEADINGS = ['Endpoint', 'Address', 'Health', 'State', 'Sessions', 'Limit', 'Weight',
                  'Last 15 min', 'Act'];
const BUCKET = 15_000;  // ms, of a mark
const BUCKETS = 60;
const MOST_STRIPS = 100;  // endpoints: more marks than that are slow to draw
const RANK = {'': 0, up: 1, part: 2, down: 3};
const WORDS = {up: 'usable', part: 'taken out, or with trouble', down: 'not usable'};

const nameOf = (endpoint) => `${endpoint.upstream}/${endpoint.name}`;

function conditionOf(endpoint) {
  if (endpoint.usable) return 'up';
  return endpoint.state !== 'ready' || endpoint.health === 'unused' ? 'part' : 'down';
}

// [what people read, how it looks]
function healthOf(endpoint) {
  if (endpoint.health !== 'up') return [endpoint.health, endpoint.usable ? 'warn' : 'bad'];
  if (endpoint.usable) return endpoint.ramp < 1000 ? ['ramps up', 'warn'] : ['up', 'good'];
  return [endpoint.state === 'ready' ? 'up, not used' : 'up, taken out', 'warn'];
}

// For each endpoint the worst that it was in each BUCKET.
class Conditions {
  seen = new Map();  // of the name: Map of the bucket's number to the condition
  begun = null;      // the first bucket that the page has seen

  add(endpoints, at) {
    const bucket = Math.floor(at / BUCKET);
    this.begun ??= bucket;
    for (const endpoint of endpoints) {
      const name = nameOf(endpoint);
      if (!this.seen.has(name)) this.seen.set(name, new Map());
      this.worsen(this.seen.get(name), bucket, conditionOf(endpoint));
    }
    for (const buckets of this.seen.values()) {
      for (const key of buckets.keys()) if (key <= bucket - BUCKETS) buckets.delete(key);
    }
    const names = new Set(endpoints.map(nameOf));
    for (const name of this.seen.keys()) if (!names.has(name)) this.seen.delete(name);
  }

  // What events tell of the time before the page was open.
  addEvent(event, at) {
    const bucket = Math.floor(at / BUCKET);
    const buckets = this.seen.get(nameOf({upstream: event.upstream, name: event.endpoint}));
    if (buckets && event.level === 'warn' && (this.begun === null || bucket < this.begun)) {
      this.worsen(buckets, bucket, 'part');
    }
  }

  worsen(buckets, bucket, condition) {
    if (RANK[condition] > RANK[buckets.get(bucket) ?? '']) buckets.set(bucket, condition);
  }

  // The oldest first.
  of(endpoint, at) {
    const last = Math.floor(at / BUCKET);
    const buckets = this.seen.get(nameOf(endpoint));
    return Array.from({length: BUCKETS}, (_, index) =>
        buckets?.get(last - BUCKETS + 1 + index) ?? '');
  }
}

export class Servers {
  constructor(onActed) {
    this.conditions = new Conditions();
    this.onActed = onActed;
    byId('upstreams').addEventListener('click', (event) => {
      const button = event.target.closest('button[data-act]');
      if (button) this.ask(button.dataset.act, this.endpoints.get(button.dataset.endpoint));
    });
    setText(byId('strip-note'), 'A mark is 15 s, the worst of it: grey was before this page was opened.');
  }

  add(endpoints, at) {
    this.endpoints = new Map(endpoints.map((each) => [nameOf(each), each]));
    this.conditions.add(endpoints, at);
  }

  show(upstreams, endpoints, mayAct, at) {
    const strips = endpoints.length <= MOST_STRIPS;
    reconcile(byId('upstreams'), upstreams, (each) => each.name, makeUpstream, (node, each) => {
      const [title, facts] = node.firstElementChild.children;
      setText(title, each.name);
      setText(facts, `${each.usable} of ${each.endpoints} usable · ${each.balance} · ` +
          `${format.count(each.sessions_active)} sessions · ${format.count(each.sessions_waiting)} waiting · ` +
          `${format.count(each.connect_failures)} failed connects · ${format.count(each.retries)} retries`);
      facts.className = each.usable === 0 ? 'bad' : each.usable < each.endpoints ? 'warn' : 'quiet';
      const mine = endpoints.filter((endpoint) => endpoint.upstream === each.name);
      const table = node.querySelector('table');
      setText(table.caption, `Endpoints of ${each.name}`);
      reconcile(table.tBodies[0], mine, nameOf, makeEndpoint,
                (line, endpoint) => this.showEndpoint(line, endpoint, mayAct, strips, at));
    });
  }

  showEndpoint(node, endpoint, mayAct, strips, at) {
    const [health, look] = healthOf(endpoint);
    fill(node, [endpoint.name, endpoint.address, health, endpoint.state,
                format.count(endpoint.sessions_active),
                endpoint.max_connections ? format.count(endpoint.max_connections) : '–',
                String(endpoint.weight)]);
    node.cells[2].className = look;
    if (strips) showStrip(node.cells[7].firstElementChild, this.conditions.of(endpoint, at));
    const isReady = endpoint.state === 'ready';
    for (const button of node.cells[8].querySelectorAll('button')) {
      const name = button.dataset.act;
      button.disabled = !mayAct;
      button.hidden = name === 'ready' ? isReady : name !== 'weight' && !isReady;
      button.dataset.endpoint = nameOf(endpoint);
      button.setAttribute('aria-label', `${button.textContent} ${nameOf(endpoint)}`);
    }
  }

  async ask(name, endpoint) {
    const path = endpointPath(endpoint);
    const sessions = format.count(endpoint.sessions_active);
    const asked = {
      drain: {title: `Drain ${nameOf(endpoint)}?`, yes: 'Drain',
              text: `It gets no new sessions; those that it has, ${sessions}, go on.`},
      maintenance: {title: `Maintenance of ${nameOf(endpoint)}?`, yes: 'Take out',
                    text: `It gets no new sessions; those that it has, ${sessions}, end as on_removed says.`},
      ready: {title: `Put ${nameOf(endpoint)} back?`, yes: 'Put back',
              text: 'It gets new sessions again.'},
      weight: {title: `Another weight for ${nameOf(endpoint)}?`, yes: 'Set',
               text: 'Its share of new sessions, among the endpoints of the upstream; 0 drains it.',
               field: {label: 'Weight', type: 'number', min: 0, max: 256, value: endpoint.weight}},
    }[name];
    const done = await confirm({...asked, act: (value) => (name === 'weight'
        ? act('PUT', `${path}/weight?weight=${encodeURIComponent(value)}`)
        : act('POST', `${path}/${name}`))});
    if (done) this.onActed();
  }
}

function makeUpstream({name}) {
  const headings = HEADINGS.map((text, index) =>
      create('th', {scope: 'col', className: CELLS[index] === 'number' ? 'number' : ''}, text));
  const table = create('table', {}, create('caption', {className: 'hidden'}),
                       create('thead', {}, create('tr', {}, ...headings)), create('tbody'));
  const title = create('div', {className: 'title'}, create('h3'), create('p'));
  return create('div', {className: 'upstream'}, title,
                create('div', {className: 'scroll', tabIndex: 0, role: 'region',
                               'aria-label': `Endpoints of ${name}`}, table));
}

function makeEndpoint() {
  const node = row(CELLS);
  node.cells[7].append(create('span', {className: 'strip', role: 'img'}));
  node.cells[8].append(create('div', {className: 'acts'}, ...[
    ['drain', 'Drain'], ['maintenance', 'Maintenance'], ['ready', 'Ready'], ['weight', 'Weight'],
  ].map(([name, text]) => create('button', {type: 'button', 'data-act': name}, text))));
  return node;
}

function showStrip(strip, conditions) {
  while (strip.childElementCount < BUCKETS) strip.append(create('i'));
  const counts = {up: 0, part: 0, down: 0};
  conditions.forEach((condition, index) => {
    const mark = strip.children[index];
    if (mark.className !== condition) mark.className = condition;
    if (condition) ++counts[condition];
  });
  const text = Object.entries(counts).filter(([, count]) => count > 0)
      .map(([condition, count]) => `${WORDS[condition]} ${format.seconds(count * BUCKET / 1000)}`);
  strip.setAttribute('aria-label', `Of the last 15 minutes: ${text.join(', ') || 'nothing is known'}`);
}
