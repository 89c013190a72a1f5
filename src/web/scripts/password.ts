import { submitTo, tokenOfLink } from './door.ts';

const token = tokenOfLink();
if (token !== undefined) submitTo('./password', { extra: { token } });
