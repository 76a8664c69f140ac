// The page: asks the API again and again, and shows what it says.
//
//   ASKING ── answers ──► SHOWN ── INTERVAL ──► ASKING
//     │ 401                        ▲
//     ├──► TOKEN ── given ─────────┘
//     └── no answer, another error ──► STALE: what is shown is old, and says so ── INTERVAL ──► ASKING
//
// While the page is hidden it asks more seldom and draws nothing.

import {get, getText, token} from './api.js';
import {repaint} from './charts.js';
import {Configuration} from './configuration.js';
import {confirm, isOpen} from './dialog.js';
import {byId, create, reconcile, setText} from './dom.js';
import {showEnds} from './ends.js';
import {EventLog} from './events.js';
import * as format from './format.js';
import {History} from './history.js';
import * as metrics from './metrics.js';
import {Servers} from './servers.js';
import {Sessions} from './sessions.js';
import {Talkers} from './talkers.js';
import {Times} from './times.js';
import {Traffic} from './traffic.js';

const INTERVAL = 2000;         // ms
const HIDDEN_INTERVAL = 10_000;
const DIFF_EVERY = 15_000;
const LATE = 6000;             // without an answer: also if the request may yet be answered

const events = new EventLog();
const marksOf = () => events.marks();
const history = new History();
const traffic = new Traffic(marksOf);
const times = new Times(marksOf);
const servers = new Servers(() => tick());
const talkers = new Talkers(() => tick());
const sessions = new Sessions(() => tick());
const configuration = new Configuration(() => tick());

let latest = null;   // the answers that are shown
let trouble = null;  // why there are none since
let timer = 0;
let isAsking = false;
let comparedAt = 0;
let restarts = 0;

async function tick() {
  if (isAsking) return;
  isAsking = true;
  clearTimeout(timer);
  try {
    await ask();
  } catch (error) {
    trouble = error;
  }
  isAsking = false;
  showState();
  if (trouble?.status === 401 && !isOpen()) return askForToken();
  timer = setTimeout(tick, document.hidden ? HIDDEN_INTERVAL : INTERVAL);
}

async function ask() {
  const [info, listeners, upstreams, endpoints, text, news] = await Promise.all([
    get('info'), get('listeners'), get('upstreams'), get('endpoints'), getText('/metrics'),
    get(events.query())]);
  const at = Date.now();
  const parsed = metrics.parse(text);
  trouble = null;
  if (latest && latest.info.pid !== info.pid) ++restarts;
  latest = {at, info, listeners, upstreams, endpoints, parsed};
  history.add(at, info, listeners, parsed);
  servers.add(endpoints, at);
  for (const event of events.add(news)) servers.conditions.addEvent(event, event.time);
  sessions.mayAct = info.may_act;
  if (document.hidden) return;
  show();
  sessions.refresh();
  const wanted = [talkers.refresh(info.may_act)];
  if (at - comparedAt >= DIFF_EVERY) {
    comparedAt = at;
    wanted.push(configuration.refresh());
  }
  await Promise.all(wanted);
}

function show() {
  if (!latest) return;
  const {at, info, listeners, upstreams, endpoints, parsed} = latest;
  showFacts(info);
  traffic.show(history, listeners);
  times.show(history, parsed, traffic.range(history));
  servers.show(upstreams, endpoints, info.may_act, at);
  showEnds(parsed, history.minuteAgo());
  sessions.names(listeners, endpoints);
  configuration.show(info);
}

function showFacts(info) {
  const facts = [
    ['sessions', `${format.count(info.sessions_active)} of ${format.count(info.max_connections)}`],
    ['since the start', format.count(info.sessions_total)],
    ['up for', format.seconds(info.uptime_s)],
    ['version', info.version],
    ['runs on', `${info.backend}, ${info.workers} workers`],
    ['process', String(info.pid)],
  ];
  reconcile(byId('facts'), facts, ([name]) => name,
            ([name]) => create('div', {}, create('dt', {}, name), create('dd')),
            (node, [, value]) => setText(node.lastElementChild, value));
}

// The line at the top, and what has to be said about the figures.
function showState() {
  const info = latest?.info;
  const notes = [];
  let [text, look] = ['asking …', ''];
  const isLate = latest && Date.now() - latest.at > LATE + (document.hidden ? HIDDEN_INTERVAL : 0);
  const isOld = Boolean(trouble || isLate);
  if (isOld) {
    [text, look] = [trouble?.status === 401 ? 'needs a token' : 'no answer', 'bad'];
    const old = latest ? ` The figures are those of ${format.time(latest.at)}.` : '';
    const why = trouble?.status ? trouble.message : 'The proxy does not answer.';
    notes.push({key: 'stale', isSerious: true, text: why + old});
  } else if (info) {
    text = `${info.state}, ${info.ready ? 'ready' : 'not ready'}`;
    look = info.ready && info.state === 'serving' ? 'good' : 'warn';
    if (info.not_ready_because) notes.push({key: 'ready', text: `Not ready: ${info.not_ready_because}.`});
    if (info.state !== 'serving') {
      notes.push({key: 'drain', text: `The process is ${info.state}: what it shows may be its last sessions.`});
    }
    if (!info.may_act) {
      notes.push({key: 'read', text: 'This page may only read: acts need admin.token in the configuration, or a UNIX socket.'});
    }
    if (restarts) notes.push({key: 'restart', text: `Another process has answered since the page was opened (${restarts}×): its counts begin at 0.`});
  }
  setText(byId('state'), text);
  byId('state').className = `state ${look}`;
  setText(byId('updated'), latest ? `as of ${format.time(latest.at)}` : '');
  document.body.classList.toggle('stale', isOld);
  document.title = `${text === 'serving, ready' ? '' : `${text} · `}Sluice`;
  byId('token-button').hidden = !token.get();
  reconcile(byId('notes'), notes, (each) => each.key, () => create('p', {className: 'note'}),
            (node, each) => {
              setText(node, each.text);
              node.classList.toggle('serious', Boolean(each.isSerious));
            });
}

async function askForToken() {
  const done = await confirm({
    title: 'A token is needed', yes: 'Use it',
    text: (token.get() ? `${trouble.message}. ` : '') +
        'It is admin.token of the configuration, and is kept until this tab is closed.',
    field: {label: 'Token', type: 'password'},
    act: async (value) => {
      token.set(value);
      try {
        await get('info');
      } catch (error) {
        token.forget();
        throw error;
      }
    },
  });
  if (done) tick();
  else timer = setTimeout(tick, 60_000);
}

// Auto, dark, light: what the system says, or what was chosen.
const theme = {
  names: {auto: 'as the system', dark: 'on a dark ground', light: 'on a light ground'},
  dark: matchMedia('(prefers-color-scheme: dark)'),
  chosen: localStorage.getItem('sluice-theme') ?? 'auto',
  apply() {
    if (!(this.chosen in this.names)) this.chosen = 'auto';
    const isDark = this.chosen === 'dark' || (this.chosen === 'auto' && this.dark.matches);
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
    const name = this.chosen[0].toUpperCase() + this.chosen.slice(1);
    setText(byId('theme'), name);
    byId('theme').setAttribute('aria-label', `${name}: colours ${this.names[this.chosen]}`);
    repaint();
  },
  next() {
    const names = Object.keys(this.names);
    this.chosen = names[(names.indexOf(this.chosen) + 1) % names.length];
    localStorage.setItem('sluice-theme', this.chosen);
    this.apply();
  },
};

byId('theme').onclick = () => theme.next();
theme.dark.onchange = () => theme.apply();
byId('token-button').onclick = () => {
  token.forget();
  tick();
};
traffic.onChoice = times.onChoice = show;
document.addEventListener('visibilitychange', () => document.hidden || tick());
setInterval(showState, 1000);
theme.apply();
tick();
