// Ends a session, after a question.

import {act} from './api.js';
import {confirm} from './dialog.js';
import {create} from './dom.js';
import * as format from './format.js';

export const endpointOf = (session) => (session.endpoint ? `${session.upstream}/${session.endpoint}` : '–');

export function killButton() {
  return create('button', {type: 'button', 'data-kill': ''}, 'Kill');
}

export function nameKillButton(button, session, mayAct) {
  button.disabled = !mayAct;
  button.dataset.kill = session.id;
  button.setAttribute('aria-label', `Kill session ${session.id} of ${session.client || 'a UNIX socket'}`);
}

export function askToKill(session, onDone) {
  return confirm({
    title: `Kill session ${session.id}?`, yes: 'Kill',
    text: `Both sides are reset: ${session.client || 'a client at a UNIX socket'} and ` +
        `${endpointOf(session)}. It is ${format.seconds(session.age_s)} old and has moved ` +
        `${format.bytes(session.bytes_up + session.bytes_down)}.`,
    act: () => act('DELETE', `sessions/${session.id}`),
  }).then((done) => done && onDone());
}
