/** Who uses the page. `expired` keeps everything on screen; `signed_out` has nothing to show yet. */
import { create } from 'zustand';
import type { Me } from '../api/types';

export type SessionState = 'loading' | 'unreachable' | 'signed_in' | 'signed_out' | 'expired';

interface Store {
  state: SessionState;
  me: Me | null;
  loginUrl: string | null;
  signedIn: (me: Me) => void;
  /** The server does not know us: for the first time, or any more. */
  lost: (loginUrl: string | null) => void;
  signedOut: () => void;
  unreachable: () => void;
}

export const useSessionStore = create<Store>()((set) => ({
  state: 'loading',
  me: null,
  loginUrl: null,
  signedIn: (me) => set({ state: 'signed_in', me }),
  lost: (loginUrl) => set((before) => ({ state: before.me ? 'expired' : 'signed_out', loginUrl: loginUrl ?? before.loginUrl })),
  signedOut: () => set({ state: 'signed_out', me: null }),
  unreachable: () => set({ state: 'unreachable' }),
}));
