// The string formats that the schemas name, for any validator of JSON Schema: what each takes, and how to say it.
import {
  ADDRESS_RULE,
  isLeaseId,
  isLeaseIdOrNone,
  isMemberId,
  isName,
  isReachableAddress,
  isStoreKey,
  isStorePrefix,
  KEY_RULE,
  LEASE_ID_RULE,
  MEMBER_ID_RULE,
  NAME_RULE,
  utf8Length,
} from './names.ts';

/** A format: its test, and the rule as the end of a sentence that begins with "must have" or "must be". */
export interface StringFormat {
  readonly test: (text: string) => boolean;
  readonly rule: string;
}

/** By the name that stands as `format` in the schemas. */
export const FORMATS: Readonly<Record<string, StringFormat>> = {
  name: { test: isName, rule: `must have ${NAME_RULE}` },
  'store-key': { test: isStoreKey, rule: `must have ${KEY_RULE}` },
  'store-prefix': { test: isStorePrefix, rule: 'must be the beginning of a key, without control characters' },
  'lease-id': { test: isLeaseId, rule: `must be ${LEASE_ID_RULE}` },
  'lease-id-or-none': { test: isLeaseIdOrNone, rule: `must be ${LEASE_ID_RULE}, or "0" for none` },
  'member-id': { test: isMemberId, rule: `must be ${MEMBER_ID_RULE}` },
  address: { test: isReachableAddress, rule: `must be ${ADDRESS_RULE}` },
  'unicode-text': { test: (text) => utf8Length(text) >= 0, rule: 'must not contain half a surrogate pair' },
};
