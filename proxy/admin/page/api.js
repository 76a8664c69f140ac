// What asks the admin endpoint. The token is kept in the tab's own storage, until it is closed.

const TOKEN = 'sluice-token';
const PATIENCE = 10_000;  // ms

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const token = {
  get: () => sessionStorage.getItem(TOKEN),
  set: (value) => sessionStorage.setItem(TOKEN, value),
  forget: () => sessionStorage.removeItem(TOKEN),
};

async function send(method, path, patience) {
  const headers = token.get() ? {Authorization: `Bearer ${token.get()}`} : {};
  const signal = AbortSignal.timeout(patience);
  const response = await fetch(path, {method, headers, signal, cache: 'no-store', credentials: 'omit'});
  if (response.ok) return response;
  const text = await response.text();
  let message = text.trim();
  try {
    const answer = JSON.parse(text);
    message = answer.errors?.length ? answer.errors.join('\n') : answer.error;
  } catch {
    // It is what the answer says.
  }
  throw new ApiError(response.status, message || `The proxy answered ${response.status}.`);
}

export const get = async (name) => (await send('GET', `/api/v1/${name}`, PATIENCE)).json();
export const getText = async (path) => (await send('GET', path, PATIENCE)).text();

// {rows, total}: a page of a list, and how many there are.
export async function getPage(name) {
  const response = await send('GET', `/api/v1/${name}`, PATIENCE);
  return {rows: await response.json(), total: Number(response.headers.get('X-Total-Count'))};
}

export const act = async (method, name) => (await send(method, `/api/v1/${name}`, 300_000)).json();

export const endpointPath = (endpoint) =>
    `endpoints/${encodeURIComponent(endpoint.upstream)}/${encodeURIComponent(endpoint.name)}`;
