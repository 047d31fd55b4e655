// Which series a PromQL expression asks for: as much of the language as the example dashboard and alert rules use, and an error for what it does not know.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** A metric with what its labels must be. */
export interface Selector {
  /** As it is written. */
  readonly text: string;
  readonly name: string;
  readonly matches: (labels: ReadonlyMap<string, string>) => boolean;
}

const KEYWORDS = new Set(['and', 'or', 'unless', 'sum', 'max', 'min', 'avg', 'count', 'by', 'without', 'on', 'ignoring']);

/** The selectors of one expression. Throws at a matcher that it cannot read. */
export function selectorsOf(expression: string): Selector[] {
  const text = expression.replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, ' ').replace(/\[[^\]]*\]/g, ' ');
  return [...text.matchAll(/([A-Za-z_:][\w:]*)\b(\{[^}]*\})?(\s*\()?/g)].flatMap(([, name = '', braces = '', call]) =>
    call !== undefined || KEYWORDS.has(name) ? [] : [{ text: name + braces, name, matches: matcherOf(braces) }],
  );
}

function matcherOf(braces: string): Selector['matches'] {
  const inside = braces.slice(1, -1).trim();
  const matchers = inside === '' ? [] : inside.split(/\s*,\s*/);
  const tests = matchers.map((matcher) => {
    const [, label = '', operator, value = ''] = /^([a-z_]+)(=~|!~|!=|=)"([^"]*)"$/.exec(matcher) ?? [];
    if (operator === undefined) throw new Error(`${matcher} is no matcher of a label`);
    // A variable of the dashboard stands for any choice.
    const pattern = new RegExp(`^(?:${value.startsWith('$') ? '.*' : value})$`);
    const isMet = (text: string) => (operator.endsWith('~') ? pattern.test(text) : text === value);
    return (labels: ReadonlyMap<string, string>) => isMet(labels.get(label) ?? '') !== operator.startsWith('!');
  });
  return (labels) => tests.every((test) => test(labels));
}

/** Every expression of the dashboard, with the panel that it stands in. */
export function dashboardExpressions(): [where: string, expression: string][] {
  const { panels } = JSON.parse(read('cluster/grafana-dashboard.json')) as {
    readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
  };
  return panels.flatMap(({ title, targets }) => targets.map(({ expr }): [string, string] => [title, expr]));
}

/** Every expression of the alert rules, with the alert's name. */
export function alertExpressions(): [where: string, expression: string][] {
  const { groups } = parse(read('cluster/prometheus-alerts.yml')) as {
    readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
  };
  return groups.flatMap(({ rules }) => rules.map(({ alert, expr }): [string, string] => [alert, expr]));
}

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}
