// Opens each mail in a headless Chromium, 600 and 360 pixels wide, in light and in dark: no request may leave the page,
// nothing may be wider than the window, axe-core may find nothing. With a second folder, also takes the screenshots.
//
//   node browser.mjs MAILS [SCREENSHOTS]

import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { chromium } from 'playwright-core';

const [mails, screenshots] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WIDTHS = [600, 360];
const SCHEMES = ['light', 'dark'];
// What the README shows.
const SHOWN = ['alert', 'digest', 'operator'];
// Whole pages have a main region and are reached by keyboard; a mail is a fragment inside the reader's page.
const NOT_OF_MAILS = { region: { enabled: false }, 'landmark-one-main': { enabled: false } };

const profile = mkdtempSync(join(tmpdir(), 'mail-checks-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
});
const page = browser.pages()[0] ?? await browser.newPage();
let current = '';
let requests = [];
await page.route('**/*', (route) => {
  const url = route.request().url();
  if (url === current) return route.continue();
  requests.push(url);
  return route.abort();
});

/** What is wrong with the page at `path`, a line each. */
async function findings(path, width, scheme) {
  current = `file://${resolve(path)}`;
  requests = [];
  await page.emulateMedia({ colorScheme: scheme });
  await page.setViewportSize({ width, height: 320 });
  await page.goto(current);
  const found = [];
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (wide > 0) found.push(`${wide} px wider than the window`);
  await page.evaluate(axe);
  const { violations, incomplete } = await page.evaluate((rules) => globalThis.axe.run(document, { rules }), NOT_OF_MAILS);
  for (const { id, nodes } of [...violations, ...incomplete.filter(({ id }) => id === 'color-contrast')]) {
    for (const node of nodes) found.push(`axe ${id}: ${node.failureSummary} in ${node.html.slice(0, 200)}`);
  }
  return found.concat(requests.map((url) => `asks for ${url}`));
}

// Each kind of finding is found in a page that has it.
const bad = join(profile, 'bad.html');
writeFileSync(bad, '<!DOCTYPE html><html lang="en"><title>bad</title><h1 style="width:900px">a</h1>'
  + '<p style="color:#999;background:#aaa">b</p><img src="http://127.0.0.1:9/pixel.png" alt="c"></html>');
const known = (await findings(bad, 600, 'light')).join(' ');
for (const want of ['wider', 'color-contrast', 'pixel.png']) {
  if (!known.includes(want)) throw new Error(`the check does not find: ${want}`);
}

let count = 0;
let looks = 0;
const files = readdirSync(mails).filter((file) => file.endsWith('.html')).sort();
for (const file of files) {
  const name = basename(file, '.html');
  // Hostile texts change what is in a mail, not how it looks: one look is enough.
  const hostile = name.includes('-hostile-');
  for (const scheme of hostile ? ['light'] : SCHEMES) {
    for (const width of hostile ? [360] : WIDTHS) {
      for (const words of await findings(join(mails, file), width, scheme)) {
        count += 1;
        console.error(`${name}, ${width} px, ${scheme}: ${words}`);
      }
      looks += 1;
      if (screenshots && SHOWN.includes(name)) {
        await page.screenshot({ path: join(screenshots, `${name}-${width}-${scheme}.png`), fullPage: true });
      }
    }
  }
}
await browser.close();
rmSync(profile, { recursive: true, force: true });
console.log(`browser: ${files.length} mails, ${looks} looks, ${count} findings`);
process.exit(count > 0 || files.length === 0 ? 1 : 0);
