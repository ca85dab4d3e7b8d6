// SPDX-License-Identifier: Apache-2.0
// npm.mjs: the npm clients of OpenAI and Ollama against moat serve, as tests/e2e/npm.check.py runs it:
// node npm.mjs URL; prints TAP.
import OpenAI from 'openai';
import { Ollama } from 'ollama';

const url = process.argv[2];
const ask = [{ role: 'user', content: 'What is the capital of France?' }];
const schema = { type: 'object', properties: { capital: { type: 'string' } }, required: ['capital'], additionalProperties: false };
let n = 0, failed = 0;
const ok = (good, name, detail) => {
  n++;
  failed += !good;
  console.log(`${good ? 'ok' : 'not ok'} ${n} - ${name}`);
  if (!good && detail !== undefined) console.log(`# ${JSON.stringify(detail)}`);
};
const error = async (work) => { try { await work(); return null; } catch (e) { return e; } };

const c = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
const fixed = { model: 'smollm2', temperature: 0, seed: 1 };
const models = [];
for await (const m of await c.models.list()) models.push(m.id);
ok(models.join() === 'smollm2', 'openai: models', models);
const r = await c.chat.completions.create({ ...fixed, messages: ask, max_tokens: 16 });
ok(r.choices[0].message.content && r.usage.completion_tokens <= 16, 'openai: chat', r);
let text = '';
for await (const part of await c.chat.completions.create({ ...fixed, messages: ask, max_tokens: 16, stream: true })) text += part.choices[0]?.delta?.content ?? '';
ok(text === r.choices[0].message.content, 'openai: a stream says the same', text);
const s = await c.chat.completions.create({ ...fixed, messages: ask, max_tokens: 100, response_format: { type: 'json_schema', json_schema: { name: 'a', schema, strict: true } } });
ok('capital' in JSON.parse(s.choices[0].message.content), 'openai: json_schema', s);
const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }];
const noTools = await c.chat.completions.create({ ...fixed, messages: ask, max_tokens: 8, tools }).catch((e) => e);
ok(noTools.status === 400 && noTools.param === 'tools', 'openai: tools that the template does not take are refused');
ok((await c.completions.create({ ...fixed, prompt: 'The capital of France is', max_tokens: 5 })).choices[0].text.includes('Paris'), 'openai: completions');
let e = await error(() => c.chat.completions.create({ model: 'gpt-5', messages: ask }));
ok(e?.status === 404 && e.code === 'model_not_found' && e.requestID?.startsWith('req_'), 'openai: an unknown model', e);
e = await error(() => c.chat.completions.create({ ...fixed, messages: ask, temperature: 1e9 }));
ok(e?.status === 400 && e.param === 'temperature', 'openai: a value out of range', e);
e = await error(() => c.embeddings.create({ model: 'smollm2', input: 'a' }));
ok(e?.status === 400, 'openai: no vectors of a model that makes none', e);
const abort = new AbortController();
e = await error(async () => {
  for await (const part of await c.chat.completions.create({ ...fixed, messages: ask, max_tokens: 2000, stream: true }, { signal: abort.signal })) if (part) abort.abort();
});
ok((await c.chat.completions.create({ ...fixed, messages: ask, max_tokens: 1 })).choices.length === 1, 'openai: after a cancel the next is answered', e);

const o = new Ollama({ host: url });
ok((await o.list()).models[0].model === 'smollm2', 'ollama: list');
const g = await o.chat({ model: 'smollm2', messages: ask, options: { temperature: 0, num_predict: 16 } });
ok(g.message.content === r.choices[0].message.content, 'ollama: chat', g);
text = '';
for await (const part of await o.chat({ model: 'smollm2', messages: ask, stream: true, options: { temperature: 0, num_predict: 16 } })) text += part.message.content;
ok(text === g.message.content, 'ollama: a stream says the same', text);
ok((await o.generate({ model: 'smollm2', prompt: 'Hi', options: { num_predict: 4 } })).done, 'ollama: generate');
e = await error(() => o.chat({ model: 'no', messages: ask }));
ok(e?.status_code === 404, 'ollama: an unknown model', e);
console.log(`1..${n}`);
process.exit(failed ? 1 : 0);
