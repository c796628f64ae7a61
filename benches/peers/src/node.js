// What Node is asked to time: flagd's own evaluator for JavaScript, and Weir's in wasm32. One JSON object comes in on standard input, one goes out.
'use strict';

const fs = require('node:fs');

const quiet = { error() {}, warn() {}, info() {}, debug() {} };

// The best of 301 samples and their median, each long enough for the clock, in nanoseconds a call.
function timed(run) {
  let times = 1000;
  for (;;) {
    const start = process.hrtime.bigint();
    run(times);
    if (process.hrtime.bigint() - start > 4_000_000n) break;
    times *= 2;
  }
  const samples = [];
  for (let i = 0; i < 301; i += 1) {
    const start = process.hrtime.bigint();
    run(times);
    samples.push(Number(process.hrtime.bigint() - start) / times);
  }
  samples.sort((a, b) => a - b);
  return { best: samples[0], median: samples[150] };
}

function flagd(asked) {
  const { FlagdCore } = require(asked.flagd);
  const core = new FlagdCore(undefined, quiet);
  core.setConfigurations(asked.document);
  const context = JSON.parse(asked.context);
  return asked.flags.map((flag) => {
    let yes = 0;
    const time = timed((times) => {
      for (let i = 0; i < times; i += 1) {
        if (core.resolveBooleanEvaluation(flag, false, context, quiet).value) yes += 1;
      }
    });
    return { flag, ...time, yes: yes > 0 };
  });
}

function wasm(asked) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(asked.wasm)), {});
  return asked.flags.map((flag, index) => {
    let yes = 0;
    const time = timed((times) => {
      yes += exports.run(index, times);
    });
    return { flag, ...time, yes: yes > 0 };
  });
}

const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(asked.engine === 'wasm' ? wasm(asked) : flagd(asked)));
