// The sessions that move most bytes now.

import {getPage} from './api.js';
import {byId, fill, heldWhileUsed, reconcile, row, setText} from './dom.js';
import * as format from './format.js';
import {askToKill, endpointOf, killButton, nameKillButton} from './kill.js';

const SHOWN = 8;

export class Talkers {
  constructor(onActed) {
    this.body = byId('talker-table').tBodies[0];
    this.isHeld = heldWhileUsed(this.body, () => {});
    this.sessions = [];
    this.body.addEventListener('click', (event) => {
      const button = event.target.closest('button[data-kill]');
      const session = this.sessions.find((each) => String(each.id) === button?.dataset.kill);
      if (session) askToKill(session, onActed);
    });
  }

  async refresh(mayAct) {
    if (this.isHeld()) return setText(byId('talkers-note'), 'held while you point at it');
    const {rows} = await getPage(`sessions?order=rate&limit=${SHOWN}`);
    if (this.isHeld()) return;
    this.sessions = rows;
    setText(byId('talkers-note'), rows.length ? 'by bytes per second' : 'no session is open');
    reconcile(this.body, rows, (each) => each.id, () => {
      const node = row(['', '', 'number', 'number', 'number', '']);
      node.cells[5].append(killButton());
      return node;
    }, (node, each) => {
      fill(node, [each.client || 'UNIX socket', endpointOf(each), format.bytesPerSecond(each.rate_up),
                  format.bytesPerSecond(each.rate_down), format.bytes(each.bytes_up + each.bytes_down)]);
      nameKillButton(node.cells[5].firstElementChild, each, mayAct);
    });
  }
}
