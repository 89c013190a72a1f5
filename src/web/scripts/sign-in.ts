import { element, showError, submitTo } from './door.ts';

const REFUSALS: Record<string, string> = {
  forbidden: 'Your account there gives no access here, or signing in took too long. Please try again.',
  conflict:
    'Your account here cannot be changed as it would have to be. Ask whoever looks after this server.',
  unavailable: 'The other server cannot be reached right now. Please try again later.',
  'rate-limited': 'Too many attempts. Please wait a minute.',
};

const code = element('code', HTMLInputElement);
submitTo('./session', {
  onRefusal: (refusal) => {
    if (!refusal.code.startsWith('second-factor-')) return false;
    // Asked for once the password was right; a field that is disabled is not sent.
    code.disabled = false;
    element('second-factor', HTMLElement).hidden = false;
    if (refusal.code === 'second-factor-refused') showError(refusal.sentence);
    code.focus();
    code.select();
    return true;
  },
});
const asked = new URLSearchParams(location.search);
// What went wrong on the way back from the provider.
if (asked.has('refused')) showError(REFUSALS[asked.get('refused') ?? ''] ?? 'Signing in did not work.');
const next = asked.get('next');
const provider = element('provider', HTMLAnchorElement);
if (next !== null) provider.href = `./oidc/sign-in?${new URLSearchParams({ next })}`;
// The page has one purpose; whoever opens it means to type.
element('name', HTMLInputElement).focus();
