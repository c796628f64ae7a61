// flagd's JavaScript evaluator behind lines of JSON; the lines are described in ../pypi/driver.py.
'use strict';

const readline = require('readline');
const { FlagdCore } = require('@openfeature/flagd-core');

const quiet = { error() {}, warn() {}, info() {}, debug() {} };
const NONE = Symbol('none');
const VERBS = { boolean: 'Boolean', string: 'String', integer: 'Number', float: 'Number', object: 'Object' };

function answer(core, ask) {
  let found;
  try {
    found = core[`resolve${VERBS[ask.kind]}Evaluation`](ask.flag, NONE, ask.context, quiet);
  } catch (error) {
    return { reason: 'ERROR', error: 'CRASH', message: String(error) };
  }
  const given = { reason: found.reason, metadata: found.flagMetadata };
  if (found.errorCode) given.error = found.errorCode;
  if (found.variant !== undefined && found.variant !== null) given.variant = found.variant;
  if (found.value !== NONE) given.value = found.value;
  return given;
}

function answers(line) {
  const asked = JSON.parse(line);
  Date.now = () => asked.now * 1000;
  const core = new FlagdCore(undefined, quiet);
  try {
    core.setConfigurations(asked.document);
  } catch (error) {
    return { refused: `${error.message} ${error.cause ? error.cause.message : ''}` };
  }
  return { answers: asked.asks.map((ask) => answer(core, ask)) };
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(`${JSON.stringify(answers(line))}\n`);
});
