// What a planted fault is: one edit of one file of src that makes a rule untrue, and the tests that must notice.

/** A fault as it stands in its list. */
export interface Fault {
  /** What the program does wrong, as a sentence. */
  readonly title: string;
  /** The file, from `src`. */
  readonly file: string;
  /** Text that stands in the file exactly once; as short as that allows, so that it outlives the code around it. */
  readonly find: string;
  /** Takes its place; empty when the line is what the fault lacks. */
  readonly replace: string;
  /**
   * What is run, from `test`, one step after the other until one fails: cheapest first. A step is files or folders parted by spaces,
   * and behind ` | ` a part of the titles that are meant, all without it.
   */
  readonly suites: readonly string[];
  /** The fault may make a test run for ever; then a step that has to be ended counts as caught. */
  readonly mayHang?: true;
}

/** A fault with its place in the whole catalogue. */
export interface Mutant extends Fault {
  /** `raft/07`: its list and its number there. */
  readonly id: string;
  /** Where it comes from: a row of FORMAT.md 3.9, or this project. */
  readonly source: string;
}

/** Numbers the faults of a list, in which new ones are added at the end. */
export function listed(list: string, source: string, faults: readonly Fault[]): Mutant[] {
  return faults.map((fault, at) => ({ ...fault, id: `${list}/${String(at + 1).padStart(2, '0')}`, source }));
}

/** The text with the fault in it. Throws when the catalogue is stale: the anchor is gone, or not the only one of its kind. */
export function planted(mutant: Mutant, text: string): string {
  const places = text.split(mutant.find).length - 1;
  if (places !== 1) throw new Error(`${mutant.id} ${mutant.title}: its anchor stands ${places} times in src/${mutant.file}, not once`);
  // A function, since a string would be searched for $ signs.
  return text.replace(mutant.find, () => mutant.replace);
}
