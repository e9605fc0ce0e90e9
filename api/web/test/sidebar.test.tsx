import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { loadMoreConversations, loadOlderMessages, viewOfAddress } from '../src/actions/conversations';
import { cancel, cancelAllWaiting } from '../src/actions/jobs';
import { Sidebar } from '../src/components/Sidebar';
import { useStickToEnd } from '../src/hooks/useStickToEnd';
import { usePreferences } from '../src/i18n';
import { useChatStore } from '../src/stores/chatStore';
import { useComposerStore } from '../src/stores/composerStore';
import { message } from './jobs';

const conversation = (id: string) => ({ id, title: id, created_at: '', updated_at: '' });

async function ask(id: string, answer: string): Promise<void> {
  await userEvent.click(screen.getByRole('button', { name: `Delete “${id}”` }));
  await userEvent.click(screen.getByRole('button', { name: answer }));
}

describe('deleting a conversation', () => {
  beforeEach(() => {
    vi.stubGlobal('fetch', async () => new Response(null, { status: 204 }));
    usePreferences.setState({ lang: 'en' });
    useChatStore.getState().reset();
    useChatStore.getState().show({ kind: 'new' });
    useChatStore.getState().setConversations([conversation('X'), conversation('Y')], null);
    render(<Sidebar open onChosen={() => undefined} />);
  });

  it('leaves the keyboard at its button when it is kept', async () => {
    await ask('X', 'Keep');
    expect(screen.getByRole('button', { name: 'Delete “X”' })).toHaveFocus();
  });

  it('leaves the keyboard at the next one, after the last at “New conversation”', async () => {
    await ask('X', 'Delete');
    await waitFor(() => expect(screen.getByRole('button', { name: 'Y' })).toHaveFocus());
    await ask('Y', 'Delete');
    await waitFor(() => expect(screen.getByRole('button', { name: 'New conversation' })).toHaveFocus());
  });
});

describe('a click that comes to nothing', () => {
  const answer = (status: number, code: string) => vi.stubGlobal('fetch', async () => new Response(JSON.stringify({ code, title: 'Not now.' }), { status }));

  beforeEach(() => {
    usePreferences.setState({ lang: 'en' });
    useComposerStore.getState().setNotice(null);
    useChatStore.getState().reset();
    useChatStore.getState().show({ kind: 'new' });
    useChatStore.getState().setConversations([conversation('X')], 'more');
    useChatStore.getState().addPage('X', { messages: [message({ conversation_id: 'X' })], has_more: true });
    render(<Sidebar open onChosen={() => undefined} />);
  });

  it.each([
    ['deleting', () => ask('X', 'Delete')],
    ['older conversations', loadMoreConversations],
    ['earlier pictures', () => loadOlderMessages('X')],
    ['a cancel', () => cancel('a')],
    ['cancelling all', cancelAllWaiting],
  ])('says why: %s', async (_, click) => {
    answer(503, 'queue_unavailable');
    await click();
    const told = { code: 'queue_unavailable', said: 'Not now.', until: null };
    await waitFor(() => expect(useComposerStore.getState().notice).toMatchObject(told));
  });

  it('takes a conversation off the list that another page has deleted', async () => {
    answer(404, 'not_found');
    await ask('X', 'Delete');
    await waitFor(() => expect(screen.queryByRole('button', { name: 'X' })).toBeNull());
    expect(useComposerStore.getState().notice).toBeNull();
  });
});

describe('the address', () => {
  it('opens the newest conversation when it cannot be read', () => {
    history.replaceState(null, '', '/#c=%');
    expect(viewOfAddress()).toEqual({ kind: 'auto' });
    history.replaceState(null, '', '/#c=a%2Fb');
    expect(viewOfAddress()).toEqual({ kind: 'conversation', id: 'a/b' });
    history.replaceState(null, '', '/');
  });
});

describe('a reader who is further up', () => {
  function Box({ last }: { last: string }) {
    const { scroller, content, away } = useStickToEnd('c', last);
    return (
      <div ref={scroller} data-testid="box">
        <div ref={content}>{String(away)}</div>
      </div>
    );
  }

  let height: ReturnType<typeof vi.spyOn>;

  /** The reader scrolls, or the browser does. */
  function scroll(box: HTMLElement, to: number): void {
    box.scrollTop = to;
    act(() => void box.dispatchEvent(new Event('scroll')));
  }

  beforeEach(() => {
    height = vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(500);
    vi.spyOn(HTMLElement.prototype, 'scrollHeight', 'get').mockReturnValue(5000);
  });

  it('is not who only had room taken away below', () => {
    render(<Box last="m50" />);
    const box = screen.getByTestId('box');
    height.mockReturnValue(200);
    scroll(box, 4500);
    expect(box).toHaveTextContent('null');
  });

  it('is told of a new last turn, and not of earlier ones', () => {
    const { rerender } = render(<Box last="m50" />);
    const box = screen.getByTestId('box');
    scroll(box, 0);
    rerender(<Box last="m50" />);
    expect(box).toHaveTextContent('quiet');
    rerender(<Box last="m52" />);
    expect(box).toHaveTextContent('news');
  });
});
