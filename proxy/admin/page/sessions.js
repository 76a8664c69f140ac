// The table of all sessions: sorted and filtered by the API, a page at a time; the document has the
// rows that are seen, and empty space for the others.
//
//   scroll, sort, filter, time ──► what is seen is not loaded, or is old ──► load a page around it
//                                                                        ──► show
//
// One request at a time; what is asked for meanwhile is asked for when it has been answered.

import {getPage} from './api.js';
import {byId, create, fill, heldWhileUsed, options, row, setText} from './dom.js';
import * as format from './format.js';
import {askToKill, endpointOf, killButton, nameKillButton} from './kill.js';

const ROW = 32;      // px: style.css
const PAGE = 150;    // rows of a request
const AROUND = 12;   // rows that are in the document above and below those that are seen
const CELLS = ['', '', '', '', '', 'number', 'number', 'number', 'number', 'number', 'number', ''];

export class Sessions {
  order = 'age';
  reversed = false;
  loaded = {offset: 0, rows: [], total: 0};
  isLoading = false;
  isWanted = false;
  isSeen = false;  // the section is on the screen
  mayAct = false;

  constructor(onActed) {
    this.view = byId('session-rows');
    this.table = byId('session-table');
    this.body = this.table.tBodies[0];
    this.above = space();
    this.below = space();
    this.body.append(this.above, this.below);
    this.pool = [];
    this.isHeld = heldWhileUsed(this.body, () => this.refresh());
    this.onActed = onActed;
    this.view.addEventListener('scroll', () => this.onScroll(), {passive: true});
    new IntersectionObserver(([entry]) => {
      this.isSeen = entry.isIntersecting;
      if (this.isSeen) this.refresh();
    }).observe(byId('sessions'));
    for (const heading of this.table.querySelectorAll('th[data-order]')) {
      heading.firstElementChild.onclick = () => this.sort(heading.dataset.order);
    }
    this.filter = byId('filter');
    this.filter.addEventListener('submit', (event) => event.preventDefault());
    this.filter.addEventListener('input', () => this.begin());
    this.filter.addEventListener('reset', () => setTimeout(() => this.begin()));
    this.body.addEventListener('click', (event) => {
      const button = event.target.closest('button[data-kill]');
      const session = this.loaded.rows.find((each) => String(each.id) === button?.dataset.kill);
      if (session) askToKill(session, () => {
        document.activeElement.blur();
        this.load();
        this.onActed();
      });
    });
    this.showOrder();
  }

  names(listeners, endpoints) {
    options(this.filter.elements.listener, [['', 'any'], ...listeners.map(({name}) => [name, name])]);
    options(this.filter.elements.endpoint, [['', 'any'], ...endpoints.map(
        ({upstream, name}) => [`${upstream}/${name}`, `${upstream}/${name}`])]);
  }

  sort(order) {
    this.reversed = order === this.order && !this.reversed;
    this.order = order;
    this.showOrder();
    this.begin();
  }

  showOrder() {
    for (const heading of this.table.querySelectorAll('th[data-order]')) {
      if (heading.dataset.order !== this.order) heading.removeAttribute('aria-sort');
      else heading.setAttribute('aria-sort', this.reversed ? 'ascending' : 'descending');
    }
  }

  // Another order or filter: from the top.
  begin() {
    this.view.scrollTop = 0;
    this.load();
  }

  refresh() {
    if (this.isSeen && !this.isHeld()) this.load();
    else if (this.isSeen) this.tell();
  }

  query() {
    const query = new URLSearchParams({order: this.order, reversed: this.reversed});
    for (const name of ['client', 'listener', 'stage', 'min_idle']) {
      const value = this.filter.elements[name].value.trim();
      if (value) query.set(name, value);
    }
    const endpoint = this.filter.elements.endpoint.value;
    if (endpoint) {
      query.set('upstream', endpoint.slice(0, endpoint.indexOf('/')));
      query.set('endpoint', endpoint.slice(endpoint.indexOf('/') + 1));
    }
    return query;
  }

  // [first, last) of the rows that are seen.
  seen() {
    const first = Math.floor(this.view.scrollTop / ROW);
    return [first, first + Math.ceil(this.view.clientHeight / ROW)];
  }

  async load() {
    this.isWanted = true;
    if (this.isLoading) return;
    this.isLoading = true;
    try {
      while (this.isWanted) {
        this.isWanted = false;
        const [first, last] = this.seen();
        const offset = Math.max(0, Math.floor((first + last - PAGE) / 2));
        const query = this.query();
        query.set('offset', offset);
        query.set('limit', PAGE);
        const {rows, total} = await getPage(`sessions?${query}`);
        this.loaded = {offset, rows, total};
        this.problem = '';
      }
    } catch (error) {
      this.isWanted = false;
      this.problem = error.message;
    } finally {
      this.isLoading = false;
    }
    this.show();
  }

  onScroll() {
    const [first, last] = this.seen();
    const {offset, rows, total} = this.loaded;
    this.show();
    if (first < offset || Math.min(last, total) > offset + rows.length) this.load();
  }

  tell() {
    const {total} = this.loaded;
    const held = this.isHeld() && total > 0 ? ' · held while you point at it' : '';
    setText(byId('sessions-note'),
            this.problem || `${format.count(total)} ${total === 1 ? 'matches' : 'match'}${held}`);
  }

  // Rows that are not loaded yet are empty.
  show() {
    const {offset, rows, total} = this.loaded;
    const [first, last] = this.seen();
    const begin = Math.max(0, Math.min(first - AROUND, total));
    const end = Math.max(begin, Math.min(last + AROUND, total));
    while (this.pool.length < end - begin) this.pool.push(makeRow());
    for (let index = 0; index < this.pool.length; ++index) {
      const node = this.pool[index];
      if (index >= end - begin) {
        node.remove();
        continue;
      }
      if (!node.isConnected) this.below.before(node);
      showRow(node, rows[begin + index - offset], begin + index, this.mayAct);
    }
    this.table.setAttribute('aria-rowcount', total + 1);
    this.above.firstElementChild.style.height = `${begin * ROW}px`;
    this.below.firstElementChild.style.height = `${(total - end) * ROW}px`;
    this.tell();
  }
}

function space() {
  return create('tr', {className: 'space', 'aria-hidden': 'true'},
                create('td', {colSpan: CELLS.length}));
}

function makeRow() {
  const node = row(CELLS);
  node.cells[11].append(killButton());
  return node;
}

function showRow(node, session, index, mayAct) {
  node.setAttribute('aria-rowindex', index + 2);
  node.cells[11].firstElementChild.hidden = !session;
  if (!session) return fill(node, ['…', '', '', '', '', '', '', '', '', '', '']);
  fill(node, [
    String(session.id), session.client || 'UNIX socket', session.listener, endpointOf(session),
    session.state.replace('_', ' '), format.seconds(session.age_s), format.seconds(session.idle_s),
    format.bytes(session.bytes_up), format.bytes(session.bytes_down),
    format.bytesPerSecond(session.rate_up + session.rate_down),
    'client_rtt_us' in session
        ? `${format.microseconds(session.client_rtt_us)} / ${format.microseconds(session.upstream_rtt_us)}`
        : 'sort to see',
  ]);
  nameKillButton(node.cells[11].firstElementChild, session, mayAct);
}
