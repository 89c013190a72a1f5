import { element, submitTo } from './door.ts';

submitTo('./session');
// The page has one purpose; whoever opens it means to type.
element('name', HTMLInputElement).focus();
