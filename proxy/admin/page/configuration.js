// What of the file is not in force, and its reload.

import {act, get} from './api.js';
import {confirm} from './dialog.js';
import {byId, create, reconcile, setText} from './dom.js';

export class Configuration {
  constructor(onActed) {
    byId('reload').onclick = async () => {
      const done = await confirm({
        title: 'Reload the file?', yes: 'Reload',
        text: 'It is put in force as a whole, or not at all; sessions go on.',
        act: () => act('POST', 'reload'),
      });
      if (done) {
        await this.refresh();
        onActed();
      }
    };
  }

  show(info) {
    this.info = info;
    byId('reload').disabled = !info.may_act;
  }

  async refresh() {
    let lines = [];
    let text = 'is what is in force.';
    try {
      const answer = await get('config/diff');
      lines = answer.differences;
      if (lines.length) text = 'differs from what is in force:';
    } catch (error) {
      if (error.status === 503) return;  // it is compared for another reader
      lines = error.message.split('\n');
      text = 'cannot be put in force:';
    }
    setText(byId('file'), `${this.info?.config || 'The file'} ${text}`);
    byId('file').className = lines.length ? 'warn' : 'quiet';
    const pending = (this.info?.config_pending ?? []).map((key) => `${key} waits for a restart.`);
    reconcile(byId('differences'), [...new Set([...lines, ...pending])], (line) => line,
              (line) => create('li', {}, line), () => {});
  }
}
