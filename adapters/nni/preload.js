// Patches for NNI 3.0's node manager, loaded by NODE_OPTIONS="--require <this file>". No installed
// file is changed. Upstream is archived, so the patches have no other home.
//
// Environment variables, set by manager.py and ctl.py:
//   NASBRIDGE_HOST      address to listen on (default 127.0.0.1)
//   NASBRIDGE_OWNER     process id of the managed run; empty for the native integration
//   NASBRIDGE_VERSIONS  output of NNI's collect_version_info
//   NASBRIDGE_STOCK     if set, only patches 1 and 2 apply (for comparisons with NNI itself)
"use strict";
const net = require("net");
const Module = require("module");

// This file is for the manager, not for the processes of trials; the user's options are for both.
const options = (process.env.NODE_OPTIONS || "").replace(/--require "[^"]*nni[\\/]preload\.js"/g, "");
if (options.trim()) process.env.NODE_OPTIONS = options.trim();
else delete process.env.NODE_OPTIONS;

// 1. NNI listens on all addresses without authentication: listen on one address only.
const host = process.env.NASBRIDGE_HOST || "127.0.0.1";
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
  if (typeof args[0] === "number") {
    if (typeof args[1] !== "string") args.splice(1, 0, host);
  } else if (args[0] && args[0].port !== undefined && !args[0].host) {
    args[0] = { ...args[0], host };
  }
  return listen.apply(this, args);
};

// 2. A manager outlives a killed run: exit when the owner's process has ended.
const owner = Number(process.env.NASBRIDGE_OWNER || 0);
if (owner) {
  setInterval(() => { if (process.ppid !== owner) process.exit(0); }, 200).unref();
}

const POLL = 500; // NNI's polling interval in local mode, in milliseconds

// 3. NNI polls its trials every half second: poll also as soon as something has happened.
let happened = false;
const sleepers = new Set();
function wakeUp() {
  happened = true;
  for (const wake of sleepers) wake();
}
function patchDelay(utils) {
  const delay = utils.delay;
  utils.delay = async function (milliseconds, ...rest) {
    if (milliseconds !== POLL) return delay(milliseconds, ...rest);
    if (!happened) {
      await new Promise((wake) => { sleepers.add(wake); setTimeout(wake, POLL); });
      sleepers.clear();
    }
    happened = false;
  };
}

function patchTrials(V3asV1) {
  const prototype = V3asV1.prototype;
  const start = prototype.start;
  prototype.start = async function () {
    await start.call(this);
    this.v3.onTrialStart(wakeUp); // after NNI's own listeners
    this.v3.onTrialEnd(wakeUp);
  };
  const submit = prototype.submitTrialJob;
  // 4. NNI gives parameters to the trial that asks first (microsoft/nni#5726, #5693): assign the id
  //    in advance, as NNI does for a resumed trial, and store the parameters under that id.
  prototype.submitTrialJob = async function (form) {
    await this.startDeferred.promise;
    if (!form.id) {
      const id = Math.random().toString(36).slice(2, 9);
      form = { ...form, id, envId: this.schedule() };
    }
    this.allocatedParameters.set(form.id, form.hyperParameters.value);
    return submit.call(this, form);
  };
  // 5. NNI sets "early stopped" after the trial has ended, too late for its status: set it before.
  prototype.cancelTrialJob = async function (id, early) {
    if (this.trialJobs[id] === undefined) return;
    this.trialJobs[id].isEarlyStopped = Boolean(early);
    try { await this.v3.stopTrial(id); } catch (_) { /* the trial has ended meanwhile */ }
  };
}

// 6. A managed run decides which trials there are, and how many at a time. Changes in the web UI
//    would let it wait for trials that never begin: refuse them.
function patchProfile(prototype) {
  prototype.updateExperimentProfile = function () {
    return Promise.reject(new Error("this experiment is managed by a run of nasbridge: end the "
      + "run, and resume it with other settings, as --jobs or --trials"));
  };
  const limit = Object.getOwnPropertyDescriptor(prototype, "maxTrialNum").get;
  Object.defineProperty(prototype, "maxTrialNum", {
    get() { return this.waitingTrials.length ? Infinity : limit.call(this); },
  });
}

function patchManager(NNIManager) {
  const prototype = NNIManager.prototype;
  const onTunerCommand = prototype.onTunerCommand;
  prototype.onTunerCommand = async function (...args) {
    await onTunerCommand.apply(this, args);
    wakeUp();
  };
  const ping = prototype.pingDispatcher; // its interval is the polling interval, see 3
  prototype.pingDispatcher = function () {
    return ping.call(Object.create(this, { pollInterval: { value: 1 } }));
  };
  const setup = prototype.setupTuner;
  prototype.setupTuner = async function (...args) {
    await setup.apply(this, args);
    tuner = this.dispatcherPid || 0; // 0 where the run itself is the tuner
  };
  if (owner) patchProfile(prototype);
  // 7. After a resume without interrupted trials NNI numbers trials from 0 again: continue.
  const recover = prototype.addRecoveredTrialJob;
  prototype.addRecoveredTrialJob = function (jobs) {
    const count = recover.call(this, jobs);
    const known = jobs.map((job) => (job.sequenceId === undefined ? -1 : job.sequenceId));
    this.experimentProfile.nextSequenceId = Math.max(-1, ...known) + 1;
    return count;
  };
}

// 8. A tuner must connect within ten seconds, too short for imports on a busy machine: wait longer,
//    but not for a tuner whose process has ended.
const CONNECT_TIMEOUT = 120; // seconds
let tuner = 0; // process id
function isAlive(pid) {
  try { return process.kill(pid, 0); } catch (_) { return false; }
}
function patchConnect(loaded) {
  const prototype = Object.getPrototypeOf(loaded.getTunerServer());
  const init = prototype.init;
  prototype.init = function () {
    if (this.connect.settled) return init.call(this);
    const deadline = Date.now() + 1000 * CONNECT_TIMEOUT;
    const timer = setInterval(() => {
      const isLost = tuner && !isAlive(tuner);
      if (!this.connect.settled && (isLost || Date.now() > deadline)) {
        const reason = isLost ? "has ended before it connected"
          : `did not connect in ${CONNECT_TIMEOUT} seconds`;
        this.connect.reject(new Error(`Tuner ${reason}. Please check tuner (dispatcher) log.`));
      }
      if (this.connect.settled) clearInterval(timer);
    }, POLL);
    return this.connect.promise;
  };
}

// 9. NNI starts a Python process of several seconds for its own version: return the known output.
function patchScripts(scripts) {
  const run = scripts.runPythonModule;
  scripts.runPythonModule = async function (name, args) {
    const versions = process.env.NASBRIDGE_VERSIONS;
    return versions && /collect_version_info$/.test(name) ? versions : run(name, args);
  };
}

const patches = process.env.NASBRIDGE_STOCK ? [] : [
  [/v3\/compat$/, (loaded) => loaded.V3asV1 && patchTrials(loaded.V3asV1)],
  [/core\/nnimanager$/, (loaded) => loaded.NNIManager && patchManager(loaded.NNIManager)],
  [/\/tuner_command_channel$/, (loaded) => patchConnect(loaded)],
  [/common\/pythonScript$/, (loaded) => patchScripts(loaded)],
  [/common\/utils$/, (loaded) => patchDelay(loaded)],
];
const patched = new Set();
const load = Module._load;
Module._load = function (request, ...rest) {
  const loaded = load.call(this, request, ...rest);
  for (const [pattern, patch] of patches) {
    if (pattern.test(request) && !patched.has(loaded)) {
      patched.add(loaded);
      patch(loaded);
    }
  }
  return loaded;
};
