/** Whether news reach this page: the phase of its one connection, and the browser's own network. */
import { create } from 'zustand';
import type { ConnectionState } from '../realtime/socket';

interface Store extends ConnectionState {
  online: boolean;
  setConnection: (state: ConnectionState) => void;
  setOnline: (online: boolean) => void;
}

export const useConnectionStore = create<Store>()((set) => ({
  phase: 'idle',
  retryAt: null,
  tooMany: false,
  online: navigator.onLine,
  setConnection: (state) => set(state),
  setOnline: (online) => set({ online }),
}));

/** Whether what is on screen is what is. */
export function hasNews({ phase, online }: Pick<Store, 'phase' | 'online'>): boolean {
  return phase === 'open' && online;
}
