// The document: what is shown changes in place, so that nothing jumps, and focus stays.

export const byId = (id) => document.getElementById(id);

// create('td', {className: 'number'}, 'text', child, …)
export function create(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-') || name === 'role' || name === 'scope') node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// An element for each item, by its key: made, moved and removed only where they have to be.
export function reconcile(parent, items, keyOf, make, update) {
  const known = parent.elementsByKey ??= new Map();
  const keys = new Set(items.map(keyOf));
  for (const [key, node] of known) {
    if (keys.has(key)) continue;
    node.remove();
    known.delete(key);
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let node = known.get(key);
    if (!node) {
      node = make(item);
      known.set(key, node);
    }
    update(node, item);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
}

// A row whose cells have these classes.
export function row(classes) {
  return create('tr', {}, ...classes.map((name) => create('td', {className: name})));
}

export function fill(node, texts) {
  texts.forEach((text, index) => setText(node.cells[index], text));
}

// Tells whether a mouse points into `node`, or the keyboard is there: then its rows keep their
// places, so that a click meets the row that it was meant for.
export function heldWhileUsed(node, onRelease) {
  let pointed = false;
  const isHeld = () => pointed || (node.contains(document.activeElement) &&
                                   document.activeElement.matches(':focus-visible'));
  node.addEventListener('pointerenter', (event) => { pointed = event.pointerType === 'mouse'; });
  node.addEventListener('pointerleave', () => {
    pointed = false;
    onRelease();
  });
  return isHeld;
}

// An option for each value; the one that is chosen stays.
export function options(select, values) {
  const wanted = JSON.stringify(values);
  if (select.shownValues === wanted) return;
  select.shownValues = wanted;
  const chosen = select.value;
  select.replaceChildren(...values.map(([value, text]) => create('option', {value}, text)));
  if (values.some(([value]) => value === chosen)) select.value = chosen;
}
