// The built-in secretaries: the two namespaces that Juju knows have rules of their own for lease and holder names.
import { isName, NAME_RULE } from './names.ts';

// Each of these is read from left to right without ever going back, so a hostile name costs no more than its length.
const APPLICATION = /^[a-z][a-z0-9]*(?:-[0-9]*[a-z][a-z0-9]*)*$/;
const UNIT = /^[a-z][a-z0-9]*(?:-[0-9]*[a-z][a-z0-9]*)*\/(?:0|[1-9][0-9]*)$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MACHINE_TAG = /^machine-(?:0|[1-9][0-9]*)(?:-[a-z]+-(?:0|[1-9][0-9]*))*$/;

/** What a namespace demands of names. Each check gives null, or a sentence that says what is wrong. */
interface Secretary {
  checkLease(lease: string, model: string): string | null;
  checkHolder(holder: string): string | null;
}

const GENERAL: Secretary = {
  checkLease: (lease) => (isName(lease) ? null : `lease ${shown(lease)} must have ${NAME_RULE}`),
  checkHolder: (holder) => (isName(holder) ? null : `holder ${shown(holder)} must have ${NAME_RULE}`),
};

const SECRETARIES: ReadonlyMap<string, Secretary> = new Map([
  [
    'application-leadership',
    {
      checkLease: (lease: string) => (APPLICATION.test(lease) ? null : `lease ${shown(lease)} must be an application name`),
      checkHolder: (holder: string) => (UNIT.test(holder) ? null : `holder ${shown(holder)} must be a unit name`),
    },
  ],
  [
    'singular-controller',
    {
      // A cluster does not know which controller it serves: any UUID may be the controller's.
      checkLease: (lease: string, model: string) =>
        lease === model || UUID.test(lease) ? null : `lease ${shown(lease)} must be the UUID of the controller or of the model itself`,
      checkHolder: (holder: string) => (MACHINE_TAG.test(holder) ? null : `holder ${shown(holder)} must be a machine tag`),
    },
  ],
]);

/** Whether `lease` may be claimed in the namespace: null, or a sentence that says why not. */
export function checkLeaseName(namespace: string, model: string, lease: string): string | null {
  return GENERAL.checkLease(lease, model) ?? SECRETARIES.get(namespace)?.checkLease(lease, model) ?? null;
}

/** Whether `holder` may hold leases of the namespace: null, or a sentence that says why not. */
export function checkHolderName(namespace: string, holder: string): string | null {
  return GENERAL.checkHolder(holder) ?? SECRETARIES.get(namespace)?.checkHolder(holder) ?? null;
}

// JSON keeps control characters out of logs and terminals; a long name is cut, as it need not be read to be found.
function shown(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}
