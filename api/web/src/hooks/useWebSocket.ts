/**
 * The page's one connection, for as long as somebody uses it.
 *
 * Rules: one socket per page, counted by its users, so a double mount of StrictMode opens one;
 * every open brings a snapshot and the messages are read again; a session that ended stops it at
 * once, and nothing it had brought is handed on afterwards.
 */
import { useEffect } from 'react';
import { takeFrames } from '../actions/intake';
import { refreshOpen } from '../actions/conversations';
import { sessionRefused } from '../actions/session';
import { startUpkeep } from '../actions/upkeep';
import type { ServerFrame } from '../api/types';
import { batched } from '../realtime/batch';
import { parseFrame } from '../realtime/normalize';
import { Connection, type ConnectionState } from '../realtime/socket';
import { useConnectionStore } from '../stores/connectionStore';
import { useSessionStore } from '../stores/sessionStore';

const CLOSE_AFTER_MS = 200;
/** The server answers at most one snapshot a second. */
const SNAPSHOT_GAP_MS = 1000;

let shared: { connection: Connection; close: () => void } | null = null;
let users = 0;
let closing: ReturnType<typeof setTimeout> | undefined;
let snapshotAskedAt = 0;
let askingAgain: ReturnType<typeof setTimeout> | undefined;

/** Keep the connection while the component is mounted and `enabled`. */
export function useWebSocket(enabled: boolean): void {
  useEffect(() => {
    if (!enabled) return undefined;
    acquire();
    return release;
  }, [enabled]);
}

export function retryNow(): void {
  shared?.connection.retryNow();
}

function acquire(): void {
  clearTimeout(closing);
  users += 1;
  shared ??= open();
  shared.connection.start();
}

function release(): void {
  users -= 1;
  if (users > 0) return;
  closing = setTimeout(hangUp, CLOSE_AFTER_MS);
}

function hangUp(): void {
  const ended = shared;
  shared = null;
  clearTimeout(askingAgain);
  ended?.close();
}

function open() {
  const batch = batched<ServerFrame>((frames) => takeFrames(frames, snapshotAskedAt));
  const url = new URL('/ws', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  let opened = 0;
  const connection = new Connection(url.href, {
    onText: (text) => receive(text, batch.add),
    onOpen: () => {
      snapshotAskedAt = Date.now();
      opened += 1;
      if (opened > 1) void refreshOpen();
    },
    onState: connectionChanged,
  });
  const stops = [
    startUpkeep(() => connection.lastHeardAt),
    useSessionStore.subscribe(({ state }) => state !== 'signed_in' && hangUp()),
    () => connection.stop(),
    batch.clear,
  ];
  return { connection, close: () => stops.forEach((stop) => stop()) };
}

function receive(text: unknown, add: (frame: ServerFrame) => void): void {
  const frame = parseFrame(text);
  if (frame?.type === 'resync') askForSnapshot();
  else if (frame && frame.type !== 'ping') add(frame);
}

function askForSnapshot(): void {
  const wait = SNAPSHOT_GAP_MS - (Date.now() - snapshotAskedAt);
  clearTimeout(askingAgain);
  if (wait > 0) {
    askingAgain = setTimeout(askForSnapshot, wait);
    return;
  }
  snapshotAskedAt = Date.now();
  shared?.connection.send({ type: 'snapshot' });
}

function connectionChanged(state: ConnectionState): void {
  useConnectionStore.getState().setConnection(state);
  if (state.phase === 'signed_out') void sessionRefused();
}
