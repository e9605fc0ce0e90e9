/** Whether news reach this page: the phase of its one connection, and the browser's own network. */
import { create } from 'zustand';
import type { ConnectionState } from '../realtime/socket';

interface Store extends ConnectionState {
  online: boolean;
  /** True from the first hello on. */
  everOpen: boolean;
  setConnection: (state: ConnectionState) => void;
  setOnline: (online: boolean) => void;
}

export const useConnectionStore = create<Store>()((set) => ({
  phase: 'idle',
  retryAt: null,
  tooMany: false,
  online: navigator.onLine,
  everOpen: false,
  setConnection: (state) => set((before) => ({ ...state, everOpen: before.everOpen || state.phase === 'open' })),
  setOnline: (online) => set({ online }),
}));
