// Secretaries: what each namespace demands of leases, holders and durations, asked before anything is tried.
import { checkHolderName, checkLeaseName } from '../contract/secretaries.ts';
import { nameProblem } from '../lease/names.ts';
import { BadArgument } from './errors.ts';
import { applicationLeadershipNamespace, type Key, singularControllerNamespace, whatIsWrongWithDuration } from './key.ts';

/** The rules of one namespace. Each check gives null, or a sentence that names what was given and says why not. No side effects. */
export interface Secretary {
  checkLease(key: Key): string | null;
  checkHolder(holder: string): string | null;
  /** `durationMs` in milliseconds. */
  checkDuration(durationMs: number): string | null;
}

/** The rules of a namespace that nobody gave others: those for names in general. The two built-in namespaces get their own. */
export function secretaryOf(namespace: string): Secretary {
  return {
    checkLease: ({ model, lease }) => checkLeaseName(namespace, model, lease),
    checkHolder: (holder) => checkHolderName(namespace, holder),
    checkDuration: whatIsWrongWithDuration,
  };
}

/** Leases are application names, holders unit names (`mysql`, `mysql/0`). */
export const applicationLeadershipSecretary: Secretary = secretaryOf(applicationLeadershipNamespace);

/** Leases are the controller's UUID or the key's own model, holders machine tags. A controller that is not told may have any UUID. */
export function singularControllerSecretary(controllerUuid?: string): Secretary {
  const general = secretaryOf(singularControllerNamespace);
  return {
    ...general,
    checkLease(key) {
      const problem = general.checkLease(key);
      if (problem !== null || controllerUuid === undefined || key.lease === controllerUuid || key.lease === key.model) return problem;
      return `lease ${JSON.stringify(key.lease)} must be the UUID of the controller or of the model itself`;
    },
  };
}

/** How a manager finds the rules of a namespace. */
export interface SecretaryRules {
  /** Rules by namespace; they come before the built-in ones. */
  readonly secretaries?: Readonly<Record<string, Secretary>>;
  /** What a namespace without rules of its own gets: the general rules (default, as over HTTP), or a refusal (as in Juju). */
  readonly otherNamespaces?: 'general' | 'refuse';
}

/** The namespace's secretary; throws {@link BadArgument} for a namespace that is not valid or, where others are refused, not known. */
export function findSecretary(rules: SecretaryRules, namespace: string, model: string): Secretary {
  for (const [what, text] of [
    ['namespace', namespace],
    ['model', model],
  ] as const) {
    const problem = nameProblem(text);
    if (problem !== null) throw new BadArgument(`${what} ${JSON.stringify(text)} ${problem}`);
  }
  const given = rules.secretaries;
  const own = given !== undefined && Object.hasOwn(given, namespace) ? given[namespace] : undefined;
  if (own !== undefined) return own;
  const isBuiltIn = namespace === applicationLeadershipNamespace || namespace === singularControllerNamespace;
  if (!isBuiltIn && rules.otherNamespaces === 'refuse') throw new BadArgument(`namespace ${JSON.stringify(namespace)} is not known`);
  return secretaryOf(namespace);
}

/** Throws {@link BadArgument} with what a check said, and what was being tried. */
export function obey(problem: string | null, attempted: string): void {
  if (problem !== null) throw new BadArgument(`cannot ${attempted}: ${problem}`);
}
