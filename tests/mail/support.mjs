// What Gmail, Outlook and Apple Mail make of the mails, by the data of caniemail.com: a feature that one of them lacks or
// has only in part must stand below, with what the reader sees there instead.
//
//   node support.mjs MAILS

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { caniemail } from 'caniemail';

const CLIENTS = ['gmail.*', 'outlook.*', 'apple-mail.*'];

// Feature, as caniemail names it → the fallback.
const FALLBACKS = {
  '@media': 'the light colours and the edges written at the elements',
  '<style> element': 'the light colours and the edges written at the elements',
  '<body> element': 'its colour stands at the outermost table too',
  '<bdi> element': 'its text; characters that change direction were taken out before',
  'dir attribute': 'the paragraph is set from the left; its letters still run their own way',
  'role attribute': 'a table that is read aloud cell by cell, in the order of the text',
  'aria-hidden attribute': 'empty cells, of which nothing is read aloud',
  'table-layout': 'columns as wide as their words',
  'border-spacing': 'bars that touch',
  'border': 'plain borders, as used here, are drawn; what lacks is rounding and images',
  'max-width': 'a table of 600 pixels around it that only Outlook sees',
  'width property': 'the whole width, as asked for',
  'height property': 'a row as high as its highest bar',
  'overflow-wrap': 'word-break beside it; with neither, a long word widens the column',
  'overflow': 'not used: caniemail counts overflow-wrap as it',
  'word-break': 'overflow-wrap beside it; with neither, a long word widens the column',
  'white-space': 'a date that may be broken over two lines',
  'margin': 'only positive margins are used, which all draw',
  'padding': 'padding stands at table cells, where all draw it; at paragraphs it is only air',
  'background': 'only a plain colour is used, which all draw',
  'font-size': 'only pixels are used, which all take',
  'font-weight': 'only 400, 600 and 700 are used: plain or bold',
  'line-height': 'the program’s own distance of lines',
  'text-align': 'only left and right are used, which all take',
  '<ul>, <ol> and <dl>': 'a list with the program’s own indent',
};

/** Features of `html` that some client lacks, with those clients. */
function gaps(html) {
  const found = new Map();
  const { issues } = caniemail({ clients: CLIENTS, html });
  for (const severity of [issues.errors, issues.warnings]) {
    for (const [client, list] of severity) {
      for (const { title } of list) found.set(title, (found.get(title) ?? new Set()).add(client));
    }
  }
  return found;
}

if (!gaps('<video src="a"></video><p style="position:fixed">').has('position')) throw new Error('the check finds nothing');
const folder = process.argv[2];
const files = readdirSync(folder).filter((file) => file.endsWith('.html') && !file.includes('-hostile-'));
const seen = new Map();
for (const file of files) {
  for (const [feature, clients] of gaps(readFileSync(join(folder, file), 'utf8'))) seen.set(feature, clients);
}
const without = [...seen].filter(([feature]) => !(feature in FALLBACKS));
for (const [feature, clients] of without) console.error(`no fallback for ${feature}: ${[...clients].join(', ')}`);
const unused = Object.keys(FALLBACKS).filter((feature) => !seen.has(feature));
for (const feature of unused) console.error(`a fallback that nothing needs: ${feature}`);
console.log(`caniemail: ${files.length} mails, ${seen.size} features with gaps, ${without.length} without fallback`);
process.exit(without.length > 0 || unused.length > 0 || files.length === 0 ? 1 : 0);
