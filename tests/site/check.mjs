// node tests/site/check.mjs SITE: open every page of the built website in Chromium, on a desktop, in the dark,
// on a tablet and on a phone, and fail on: a request to another host, a missing file, a console error, sideways overflow,
// an undrawn formula or chart, a slider without effect, a dead link or anchor, an accessibility finding, runs that
// cannot be looked through by keyboard or from a folder, a page that is heavy or no valid HTML.
import { createServer } from 'node:http';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { gzipSync } from 'node:zlib';
import { dirname, extname, join, posix, resolve } from 'node:path';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const site = resolve(process.argv[2] ?? '_build/html');
if (!existsSync(join(site, 'index.html'))) stop(`no website in ${site}: run "make book" first`);
const browserPath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  .find((path) => path && existsSync(path));
if (!browserPath) stop('Chromium is missing: install it (Debian: apt-get install chromium) or set CHROMIUM to its path');
let chromium, axe, HtmlValidate;
try {
  ({ HtmlValidate } = require('html-validate'));
  ({ chromium } = require('playwright-core'));
  axe = require.resolve('axe-core/axe.min.js');
} catch {
  stop('playwright-core, axe-core or html-validate is missing: npm install --prefix tests/site');
}

const KINDS = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml',
  '.png': 'image/png', '.json': 'application/json', '.woff': 'font/woff', '.woff2': 'font/woff2' };
const MOST = 700_000;  // gzipped bytes; the script of charts comes when one is near
const DEVICES = [['desktop', 1280, 900, 'light'], ['dark', 1280, 900, 'dark'], ['tablet', 768, 1024, 'light'], ['phone', 360, 740, 'light']];
const faults = [];
const report = (page, what) => { faults.push(`${page}: ${what}`); };

function stop(message) {
  console.error(`check: ${message}`);
  process.exit(2);
}

const server = createServer((request, response) => {
  const path = join(site, decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
  if (!path.startsWith(site) || !existsSync(path) || !extname(path)) { response.writeHead(404).end(); return; }
  response.writeHead(200, { 'content-type': KINDS[extname(path)] ?? 'application/octet-stream' }).end(readFileSync(path));
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const origin = `http://127.0.0.1:${server.address().port}`;
const pages = readdirSync(site, { recursive: true }).map(String)
  .filter((name) => name.endsWith('.html') && !name.split('/').some((part) => part.startsWith('_')))
  .filter((name) => !/http-equiv="refresh"/i.test(readFileSync(join(site, name), 'utf8'))).sort();  // a forward is only a link

checkLinks();
for (const name of pages) weigh(name);
const validator = new HtmlValidate({
  root: true,
  extends: ['html-validate:document', 'html-validate:standard'],
  rules: {
    // Style, not validity; Sphinx and the theme write as they do.
    'no-trailing-whitespace': 'off', 'void-style': 'off', 'attribute-boolean-style': 'off', 'valid-id': 'off',
    'no-implicit-button-type': 'off', 'prefer-native-element': 'off', 'no-redundant-role': 'off',
    'require-sri': 'off',  // nothing comes from another host
    'heading-level': ['error', { allowMultipleH1: true }],  // the theme has one for the page and one for print
    // Judged by axe, which sees the page as it is drawn: a title names a button, and forms search as one types.
    'text-content': 'off', 'wcag/h32': 'off',
  },
});
for (const name of pages) await validate(name);
const browser = await chromium.launchPersistentContext(mkdtempSync(join(tmpdir(), 'site-check-')), {
  executablePath: browserPath,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
let charts = 0;
let formulas = 0;
let sliders = 0;
let browsers = 0;
for (const name of pages) for (const device of DEVICES) await look(name, ...device);
await browser.close();
server.close();
if (!formulas) report('site', 'no formula on any page');
if (!sliders) report('site', 'no slider on any page');
if (!browsers) report('site', 'no page on which runs can be looked through');
for (const fault of faults) console.log(fault);
console.log(`${pages.length} pages, ${charts} charts, ${formulas} formulas, ${sliders} sliders: ${faults.length} faults`);
process.exit(faults.length ? 1 : 0);

async function validate(name) {
  const { results } = await validator.validateFile(join(site, name));
  for (const { messages } of results)
    for (const { ruleId, line, message } of messages) report(name, `line ${line}, no valid HTML: ${message} (${ruleId})`);
}

async function look(name, device, width, height, scheme) {
  const label = `${name} (${device})`;
  const page = await browser.newPage();
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: scheme });
  await page.addInitScript((mode) => { localStorage.setItem('mode', mode); localStorage.setItem('theme', mode); }, scheme);
  page.on('request', (r) => { if (!r.url().startsWith(origin) && !/^(data|blob):/.test(r.url())) report(label, `asks another host: ${r.url()}`); });
  page.on('response', (r) => { if (r.status() >= 400) report(label, `missing file: ${r.url().replace(origin, '')}`); });
  page.on('console', (m) => { if (m.type() === 'error') report(label, `console: ${m.text().slice(0, 200)}`); });
  page.on('pageerror', (error) => report(label, `script error: ${error.message.slice(0, 200)}`));
  await page.goto(`${origin}/${name}`, { waitUntil: 'load' });
  const math = await page.locator('.math').count();
  if (math) {
    const flat = await page.evaluate(() => [...document.querySelectorAll('.math')].filter((m) => {
      const box = m.querySelector('math')?.getBoundingClientRect();
      return !box || (!box.width && m.checkVisibility());
    }).length);
    if (flat) report(label, `${flat} of ${math} formulas not drawn`);
    if (await page.locator('merror').count()) report(label, 'a formula has an error');
    if (await page.locator('span.math[tabindex], math[tabindex]').count()) report(label, 'formulas are stops of the Tab key');
  }
  const boxes = await page.locator('div.chart').count();
  if (boxes) {
    await page.locator('div.chart').first().scrollIntoViewIfNeeded();
    await page.waitForFunction((n) => document.querySelectorAll('div.chart.drawn svg').length === n, boxes, { timeout: 15000 })
      .catch(() => report(label, 'a chart was not drawn'));
    const wide = await page.locator('div.chart').evaluateAll((all) => all.filter((box) => box.scrollWidth > box.clientWidth + 1).length);
    if (wide) report(label, 'a chart is wider than its page');
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (overflow > 1) report(label, `overflows sideways by ${overflow} px`);
  if (device === 'desktop') {
    charts += boxes;
    formulas += math;
    await tryOutSliders(page, label);
    if (await page.locator('div.runs').count()) {
      browsers += 1;
      await lookThroughRuns(page, label);
      const folder = await browser.newPage();
      await folder.goto(`file://${join(site, name)}`, { waitUntil: 'load' });
      if (!await folder.locator('div.runs tbody tr').count()) report(label, 'shows no runs when it is opened from a folder');
      await folder.close();
    }
  }
  if (device !== 'tablet') await checkAccess(page, label);
  await page.close();
}

async function tryOutSliders(page, label) {
  for (const slider of await page.locator('div.chart input[type="range"]').all()) {
    sliders += 1;
    const shapes = () => page.locator('div.chart svg').evaluateAll((all) => all.map((svg) => svg.innerHTML).join());
    const before = await shapes();
    await slider.evaluate((input) => { input.value = input.min; input.dispatchEvent(new Event('input', { bubbles: true })); });
    await page.waitForTimeout(300);
    if ((await shapes()) === before) report(label, 'a slider moves nothing');
  }
}

// With the keyboard alone: filter by arm, sort by loss, choose the second run, and see its curve and its facts change.
async function lookThroughRuns(page, label) {
  const count = () => page.locator('.runs-count').innerText();
  const [all, facts] = [await count(), await page.locator('.runs-panel p[role=status]').innerText()];
  await page.locator('#runs-arm').focus();
  await page.keyboard.press('ArrowDown');
  if ((await count()) === all) report(label, 'a filter leaves all runs');
  await page.locator('.runs thead button', { hasText: 'loss' }).first().focus();
  await page.keyboard.press('Enter');
  const losses = await page.locator('.runs tbody tr td:nth-child(7)').allInnerTexts();
  const numbers = losses.map(Number).filter(Number.isFinite);
  if (numbers.length < 2 || numbers.some((loss, at) => at && loss < numbers[at - 1])) report(label, 'runs are not sorted by loss');
  await page.locator('.runs tbody button').nth(1).focus();
  await page.keyboard.press('Enter');
  if ((await page.locator('.runs-panel p[role=status]').innerText()) === facts) report(label, 'choosing a run says nothing');
  if (!await page.locator('.runs-panel svg path.own').count()) report(label, 'a chosen run shows no curve');
  if (!page.url().includes('#run-')) report(label, 'a chosen run has no address');
}

// All rules there are, but for the theme's search button (its label leaves out the key) and its bar of links.
async function checkAccess(page, label) {
  await page.addScriptTag({ path: axe });
  const found = await page.evaluate(async () => (await window.axe.run({ exclude: '.search-button-field, .sidebar-primary-item' })).violations
    // A head that is a formula is no empty one: it has MathML for those who listen, which axe does not read.
    .map((v) => ({ id: v.id, where: v.nodes.map((n) => n.target.join(' ')).filter((target) =>
      v.id !== 'empty-table-header' || !document.querySelector(target)?.querySelector('math')?.textContent.trim()) }))
    .filter(({ where }) => where.length));
  for (const { id, where } of found) report(label, `accessibility: ${id} at ${where.slice(0, 3).join(' | ')}`);
}

function weigh(name) {
  const body = readFileSync(join(site, name), 'utf8');
  const wanted = [...body.matchAll(/<(?:script|link|img)\b[^>]*?\s(?:src|href)="([^"#?]+\.(?:js|css|svg|png|woff2))[^"]*"/g)].map((m) => m[1]);
  const files = new Set(wanted.map((path) => posix.normalize(posix.join(dirname(name), path))).filter((path) => existsSync(join(site, path))));
  const bytes = [name, ...files].reduce((sum, path) => sum + gzipSync(readFileSync(join(site, path))).length, 0);
  if (bytes > MOST) report(name, `weighs ${Math.round(bytes / 1000)} kB gzipped, more than ${MOST / 1000}`);
  if (name !== 'search.html' && !/<meta name="description" content="[^"]{20,}"/.test(body)) report(name, 'has no description');
}

function checkLinks() {
  const text = Object.fromEntries(readdirSync(site, { recursive: true }).map(String)
    .filter((name) => name.endsWith('.html') && !name.startsWith('_static/')).map((name) => [name, readFileSync(join(site, name), 'utf8')]));
  const anchors = Object.fromEntries(Object.entries(text)
    .map(([name, body]) => [name, new Set([...body.matchAll(/\s(?:id|name)="([^"]+)"/g)].map((m) => m[1]))]));
  for (const [name, body] of Object.entries(text)) {
    for (const [, raw] of body.replace(/<script[\s\S]*?<\/script>/g, '').matchAll(/\s(?:href|src)="([^"]*)"/g)) {
      if (/^(https?:|mailto:|data:|javascript:)/.test(raw) || raw === '') continue;
      const [path, anchor] = raw.replaceAll('&amp;', '&').split('#');
      const target = path ? posix.normalize(posix.join(dirname(name), decodeURIComponent(path.split('?')[0]))) : name;
      if (!existsSync(join(site, target))) report(name, `dead link: ${raw}`);
      else if (anchor && anchors[target] && !anchors[target].has(decodeURIComponent(anchor))) report(name, `dead anchor: ${raw}`);
    }
  }
}
