// Requests, and how numbers and names are written.

/** The JSON of an answer. Throws an Error with the problem's sentence and its `status`. */
export async function ask(url, { body, accept = [] } = {}) {
  const request = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(url, request);
  } catch {
    throw Object.assign(new Error("The service cannot be reached. Is it still running?"), { status: 0 });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok || accept.includes(response.status)) return answer;
  const sentence = answer.detail ?? `The service answered with ${response.status}.`;
  throw Object.assign(new Error(sentence), { status: response.status });
}

/** 3671.9 -> "01:01:11"; a player's clock, so parts of seconds are cut off. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** The last part of a path of any system. */
export function fileName(path) {
  return path.split(/[/\\]/).at(-1);
}

/** A word as a shell reads it back whole. */
export function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
