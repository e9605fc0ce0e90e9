/**
 * What was asked for and has no answer yet outlives a reload, and the way to sign in and back.
 *
 * Rule: it stays in this tab, under the name of who clicked, with its keys: sent again it is the same job.
 */
import { attempt } from './attempt';
import type { PendingTurn } from './chatLogic';
import { useChatStore } from './chatStore';
import { useSessionStore } from './sessionStore';

const PREFIX = 'forgeline:unsent:';

/** Returns how to stop. */
export function keepUnsent(): () => void {
  return useChatStore.subscribe(({ pending }, before) => pending === before.pending || writeUnsent());
}

export function writeUnsent(): void {
  const { me } = useSessionStore.getState();
  if (me) attempt(() => sessionStorage.setItem(PREFIX + me.user_id, JSON.stringify(useChatStore.getState().pending)));
}

/** Whatever is wrong with the storage counts as empty. */
export function readUnsent(userId: string): PendingTurn[] {
  const kept = attempt(() => JSON.parse(sessionStorage.getItem(PREFIX + userId) ?? '[]') as PendingTurn[]);
  return attempt(() => kept?.filter(({ key, request, home }) => key && request.prompt && home)) ?? [];
}
