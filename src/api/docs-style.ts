// How the page at /docs looks: a list of operations beside them where there is room, light or dark as the reader's system is.

/** The page's one style sheet, as text. */
export const DOCS_STYLE = `
:root { color-scheme: light dark; --page: #fff; --line: #d9dde3; --ink: #1b2027; --quiet: #5b6573; --accent: #1f5fd1; --tint: #f2f5fa; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12151a; --line: #333b46; --ink: #e8ebf0; --quiet: #9ba6b5; --accent: #7aa7ff; --tint: #1b2027; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 16px; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
header, main { min-width: 0; }
a { color: var(--accent); }
small, .quiet, i { color: var(--quiet); font-style: normal; font-weight: 400; }
h1 { font-size: 22px; margin: 0; }
h2 { font-size: 18px; margin: 32px 0 8px; }
nav h2 { font-size: 15px; margin: 12px 0 0; }
nav h2 a { color: inherit; }
nav ul { margin: 0; padding: 0; list-style: none; }
nav li { display: inline-block; margin-right: 12px; }
h3 { font-size: 16px; margin: 0; overflow-wrap: anywhere; font-weight: 400; }
h3 b { display: inline-block; min-width: 4.5em; color: var(--accent); }
h4 { font-size: 14px; margin: 12px 0 4px; }
p { margin: 6px 0; max-width: 80ch; }
article { margin: 0 0 16px; padding: 12px 16px; border: 1px solid var(--line); border-radius: 8px; }
article:target { outline: 2px solid var(--accent); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
tr { border-top: 1px solid var(--line); }
th, td { padding: 3px 12px 3px 0; text-align: left; vertical-align: top; font-weight: 400; }
th { width: 14em; }
td:nth-child(2) { width: 18em; }
code { font: 13px/1.5 ui-monospace, monospace; }
@media (max-width: 600px) {
  tr { display: grid; grid-template-columns: auto 1fr; gap: 0 12px; padding: 3px 0; }
  th, td, td:nth-child(2) { width: auto; padding: 0; }
  td:nth-child(3) { grid-column: 1 / -1; color: var(--quiet); }
}
@media (min-width: 900px) {
  body { display: grid; grid-template-columns: 200px minmax(0, 1fr); gap: 0 32px; }
  header { grid-column: 1 / -1; }
  nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; }
  nav li { display: block; margin: 0; }
}
`;
