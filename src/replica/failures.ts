// Why a node surely does not take a request, in words for whoever sent it.
import type { Failure } from './service.ts';

/** Its state is not read yet. */
export const STARTING: Failure = {
  definite: true,
  code: 'no-leader',
  detail: 'This node is still reading its state. Ask again, or another one.',
};
/** It was told to stop. */
export const STOPPING: Failure = { definite: true, code: 'stopping', detail: 'This node is stopping. Ask another one.' };
/** Its limit of requests under way is reached. */
export const OVERLOADED: Failure = {
  definite: true,
  code: 'overloaded',
  detail: 'This node has too many requests under way. Try again later, with fewer at a time.',
};
