/** Whether news reach this page: the phase of its one connection, and the browser's own network. */
import { create } from 'zustand';
import type { ConnectionState } from '../realtime/socket';

interface Store extends ConnectionState {
  online: boolean;
  /** How far the server's clock is ahead of this browser's. */
  clockAheadMs: number;
  setServerTime: (iso: string, now?: number) => void;
  setConnection: (state: ConnectionState) => void;
  setOnline: (online: boolean) => void;
}

export const useConnectionStore = create<Store>()((set) => ({
  phase: 'idle',
  retryAt: null,
  tooMany: false,
  online: navigator.onLine,
  clockAheadMs: 0,
  setServerTime: (iso, now = Date.now()) => {
    const serverNow = Date.parse(iso);
    if (!Number.isNaN(serverNow)) set({ clockAheadMs: serverNow - now });
  },
  setConnection: (state) => set(state),
  setOnline: (online) => set({ online }),
}));

/** Whether what is on screen is what is. */
export function hasNews({ phase, online }: Pick<Store, 'phase' | 'online'>): boolean {
  return phase === 'open' && online;
}
