import { element, send, showError } from './door.ts';

const button = element('sign-out', HTMLButtonElement);
button.addEventListener('click', async () => {
  button.disabled = true;
  const refusal = await send('DELETE', './session');
  if (refusal === undefined) {
    location.replace('./sign-in');
    return;
  }
  showError(refusal);
  button.disabled = false;
});
