// Asks before an order that hurts: a dialog that takes the focus, gives it back, and is answered by keyboard as well.
import { byId, say } from './dom.ts';

let decided: ((yes: boolean) => void) | null = null;

/** Makes the dialog's buttons work; once. */
export function prepareConfirmation(): void {
  const dialog = byId('confirm') as HTMLDialogElement;
  byId('confirm-no').addEventListener('click', () => dialog.close('no'));
  byId('confirm-yes').addEventListener('click', () => dialog.close('yes'));
  dialog.addEventListener('close', () => {
    decided?.(dialog.returnValue === 'yes');
    decided = null;
  });
}

/** Whether the reader means it. Escape is a no. */
export async function confirmed(title: string, text: string): Promise<boolean> {
  const dialog = byId('confirm') as HTMLDialogElement;
  if (dialog.open) return false;
  say(byId('confirm-title'), `${title}?`);
  say(byId('confirm-text'), text);
  say(byId('confirm-yes'), title);
  dialog.returnValue = 'no';
  dialog.showModal();
  return await new Promise((resolve) => {
    decided = resolve;
  });
}
