import { describe, expect, it } from 'vitest';
import { HedgerowError } from '../lib/errors.ts';
import { problemOf } from './problem.ts';

describe('a problem document', () => {
  it('names the code in kebab-case, what it means and what happened', () => {
    const problem = problemOf(
      new HedgerowError('PEER_UNREACHABLE', 'The peer Birch is asleep.', { retryAfter: 4.2 }),
    );
    expect(problem.status).toBe(503);
    expect(problem.headers).toMatchObject({ 'content-type': 'application/problem+json', 'retry-after': '5' });
    expect(JSON.parse(problem.body)).toEqual({
      type: 'about:blank',
      title: 'The peer cannot be reached.',
      status: 503,
      code: 'peer-unreachable',
      detail: 'The peer Birch is asleep.',
      retryAfter: 5,
    });
  });

  it('shows nothing of an error that is not ours, but the id under which the log has it', () => {
    const problem = problemOf(new Error('password=hunter2 at /srv/app.ts:12'), { id: 'e_1' });
    expect(problem.status).toBe(500);
    expect(JSON.parse(problem.body)).toMatchObject({ code: 'internal', id: 'e_1' });
    expect(problem.body).not.toMatch(/hunter2|app\.ts/);
  });

  it('cannot be given another status by further members', () => {
    const problem = problemOf(
      new HedgerowError('INVALID', undefined, { field: ['a'], extra: { status: 200, limit: 3 } }),
    );
    expect(JSON.parse(problem.body)).toMatchObject({ status: 400, limit: 3, field: ['a'] });
  });

  it('asks for credentials where it is 401', () => {
    expect(problemOf(new HedgerowError('UNAUTHENTICATED')).headers).toHaveProperty('www-authenticate');
    expect(problemOf(new HedgerowError('NOT_FOUND')).headers).not.toHaveProperty('www-authenticate');
  });
});
