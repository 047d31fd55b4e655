// The dashboard's files as the build left them, read once at the start of a node.
import { readdirSync, readFileSync } from 'node:fs';

/** A file that a browser may ask for. */
export interface DashboardPage {
  readonly name: string;
  readonly type: string;
  readonly content: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The files of `folder` that a browser understands. Throws when it cannot be read. */
export function readDashboardPages(folder: URL = new URL('../dashboard/', import.meta.url)): readonly DashboardPage[] {
  return readdirSync(folder).flatMap((name) => {
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
    return type === undefined ? [] : [{ name, type, content: readFileSync(new URL(name, folder)) }];
  });
}
