// Asks before something is done.

import {byId, setText} from './dom.js';

const dialog = byId('dialog');

// `act(value)` is called when the answer is yes; the dialog closes when that has gone well, and shows
// what was wrong otherwise. Resolves to whether it was done.
// `field`: {label, type, value, min, max}, what is asked for; null: nothing.
export function confirm({title, text, yes, field = null, act}) {
  setText(byId('dialog-title'), title);
  setText(byId('dialog-text'), text);
  setText(byId('dialog-error'), '');
  setText(byId('dialog-yes'), yes);
  const input = byId('dialog-input');
  byId('dialog-field').hidden = !field;
  input.disabled = !field;
  if (field) {
    setText(byId('dialog-label'), field.label);
    for (const name of ['min', 'max']) {
      if (name in field) input[name] = field[name];
      else input.removeAttribute(name);
    }
    input.type = field.type;
    input.required = true;
    input.value = field.value ?? '';
  }
  return new Promise((resolve) => {
    let done = false;
    const form = byId('dialog-form');
    form.onsubmit = async (event) => {
      event.preventDefault();
      byId('dialog-yes').disabled = true;
      try {
        await act(input.value);
        done = true;
        dialog.close();
      } catch (error) {
        setText(byId('dialog-error'), error.message);
      } finally {
        byId('dialog-yes').disabled = false;
      }
    };
    byId('dialog-no').onclick = () => dialog.close();
    dialog.onclose = () => {
      input.value = '';
      resolve(done);
    };
    dialog.showModal();
    (field ? input : byId('dialog-yes')).focus();
  });
}

export const isOpen = () => dialog.open;
