/**
 * One way to speak HTTP with the server: JSON in, JSON out, and errors as a class with a code.
 *
 * Rule: callers meet only `ApiError`. Its `code` is the server's, or `network` and `timeout` for
 * what never reached it, `abandoned` for who has left meanwhile; a text for people is made from the code, never from the status.
 */
import type { Problem } from './types';

export type ClientCode = string | 'network' | 'timeout';

export class ApiError extends Error {
  constructor(
    readonly code: ClientCode,
    readonly status: number,
    /** The server's sentence, in the page's language. */
    readonly said: string | null = null,
    readonly faults: readonly { field: string; message: string }[] = [],
    readonly extra: { retryAfterS?: number | undefined; loginUrl?: string | undefined } = {},
  ) {
    super(`${code} (${status})`);
  }
}

/** Whatever was thrown; what is no answer of the server is a fault of the page. */
export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError('internal', 0);
}

export interface Call {
  method?: 'GET' | 'POST' | 'DELETE';
  body?: unknown;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

const TIMEOUT_MS = 15_000;

/** Grows when somebody leaves: what they had asked for is answered to nobody. */
let era = 0;
let onUnauthenticated: (error: ApiError) => void = () => undefined;

/** Whoever keeps the session learns here that it has ended. */
export function whenUnauthenticated(listener: (error: ApiError) => void): void {
  onUnauthenticated = listener;
}

/** Everything that is on its way now fails as `abandoned`, whatever the server answers. */
export function abandonCalls(): void {
  era += 1;
}

export async function call<T>(path: string, options: Call = {}): Promise<T> {
  const askedIn = era;
  const response = await reach(path, options);
  const error = response.ok ? null : await errorOf(response);
  const body = error || response.status === 204 ? undefined : await bodyOf(response);
  if (askedIn !== era) throw new ApiError('abandoned', response.status);
  if (error === null) return body as T;
  if (error.status === 401) onUnauthenticated(error);
  throw error;
}

async function reach(path: string, { method = 'GET', body, headers = {}, timeoutMs = TIMEOUT_MS }: Call): Promise<Response> {
  const json: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' };
  try {
    return await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      headers: { Accept: 'application/json', 'Accept-Language': document.documentElement.lang, ...json, ...headers },
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
    throw new ApiError(timedOut ? 'timeout' : 'network', 0);
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw new ApiError('network', response.status);
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const problem = (await response.json().catch(() => null)) as Partial<Problem> | null;
  return new ApiError(problem?.code ?? codeOf(response.status), response.status, problem?.title ?? null, problem?.errors ?? [], {
    retryAfterS: retryAfter(response.headers.get('Retry-After')),
    loginUrl: safeLogin(problem?.login_url),
  });
}

/** What an answer without a code means: a proxy spoke, not our server. */
function codeOf(status: number): ClientCode {
  if (status === 401) return 'unauthenticated';
  if (status === 404) return 'not_found';
  return status >= 502 && status <= 504 ? 'network' : 'internal';
}

function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const moment = Date.parse(header);
  return Number.isNaN(moment) ? undefined : Math.max(0, (moment - Date.now()) / 1000);
}

/** A sign-in address is followed on a click: only web addresses, no `javascript:`. */
function safeLogin(address: string | null | undefined): string | undefined {
  if (!address || !URL.canParse(address, location.href)) return undefined;
  const { protocol } = new URL(address, location.href);
  return protocol === 'https:' || protocol === 'http:' ? address : undefined;
}
