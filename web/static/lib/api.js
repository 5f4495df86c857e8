// HTTP requests of the pages: JSON both ways, problem+json as one error class.

/** A refusal of the gateway, or no answer at all (`unreachable`). `code` has a text: `error.<code>`. */
export class ApiError extends Error {
  /**
   * @param {number} status 0 when there was no answer
   * @param {string} code
   * @param {string} detail
   */
  constructor(status, code, detail) {
    super(`${code}: ${detail}`);
    this.status = status;
    this.code = code;
    this.detail = detail;
  }
}

/**
 * @param {"GET" | "POST" | "PUT" | "DELETE"} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} the decoded answer, null when it is empty. Throws ApiError.
 */
export async function request(method, path, body, signal) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-Visavis"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      signal,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "");
  }
  const answer = await decode(response);
  if (response.ok) return answer;
  throw new ApiError(response.status, answer?.code ?? `http_${response.status}`, answer?.detail ?? "");
}

/**
 * The calendar file of a link, for who has its token. Throws ApiError.
 * @param {string} linkId
 * @param {string} token
 * @param {string} language
 * @returns {Promise<Blob>}
 */
export async function calendarOf(linkId, token, language) {
  let response;
  try {
    response = await fetch(`/api/v1/links/${linkId}.ics?language=${language}`, { headers: { "Visavis-Link": token } });
  } catch {
    throw new ApiError(0, "unreachable", "");
  }
  if (response.ok) return response.blob();
  const answer = await decode(response);
  throw new ApiError(response.status, answer?.code ?? `http_${response.status}`, answer?.detail ?? "");
}

/** Let the browser save a file. @param {Blob} file @param {string} name */
export function save(file, name) {
  const address = URL.createObjectURL(file);
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  URL.revokeObjectURL(address);
}

/** @param {Response} response */
async function decode(response) {
  const text = await response.text();
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null; // a proxy's page instead of our answer
    throw error;
  }
}

/**
 * @typedef {object} Account who is signed in
 * @property {string} id
 * @property {string} name
 * @property {string} display_name
 * @property {string[]} roles
 * @property {string | null} agent_id
 */
