// Loaded into NNI 3.0's node manager by NODE_OPTIONS="--require <this file>"; no installed file of
// NNI's is changed. Upstream is archived, so these mends have no other home.
"use strict";
const net = require("net");
const Module = require("module");

// This file is meant for the manager, not for what trials start; a user's options are for both.
const options = (process.env.NODE_OPTIONS || "").replace(/--require "[^"]*nni[\\/]preload\.js"/g, "");
if (options.trim()) process.env.NODE_OPTIONS = options.trim();
else delete process.env.NODE_OPTIONS;

// 1. NNI listens on all interfaces, without any authentication: stay on one address.
const host = process.env.NASBRIDGE_HOST || "127.0.0.1";
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  if (typeof given[0] === "number") {
    if (typeof given[1] !== "string") given.splice(1, 0, host);
  } else if (given[0] && given[0].port !== undefined && !given[0].host) {
    given[0] = { ...given[0], host };
  }
  return listen.apply(this, given);
};

// 2. A manager whose experiment was killed would live for ever.
const owner = Number(process.env.NASBRIDGE_OWNER || 0);
if (owner) {
  setInterval(() => { if (process.ppid !== owner) process.exit(0); }, 200).unref();
}

const POLL = 500; // milliseconds from look to look in NNI's local mode

// 3. NNI looked at its trials every half second: let it look when something has happened, too.
let happened = false;
const sleepers = new Set();
function look() {
  happened = true;
  for (const wake of sleepers) wake();
}
function mendWaiting(utils) {
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

function mendTrials(V3asV1) {
  const mended = V3asV1.prototype;
  const start = mended.start;
  mended.start = async function () {
    await start.call(this);
    this.v3.onTrialStart(look); // NNI itself is told first
    this.v3.onTrialEnd(look);
  };
  const submit = mended.submitTrialJob;
  // 4. Parameters went to whichever trial asked first (microsoft/nni#5726, #5693): give the trial
  //    its id beforehand, as NNI itself does when it resumes one, and keep its parameters under it.
  mended.submitTrialJob = async function (form) {
    await this.startDeferred.promise;
    if (!form.id) {
      const id = Math.random().toString(36).slice(2, 9);
      form = { ...form, id, envId: this.schedule() };
    }
    this.allocatedParameters.set(form.id, form.hyperParameters.value);
    return submit.call(this, form);
  };
  // 5. "Stopped early" was noted after the trial had ended, which was too late to be shown.
  mended.cancelTrialJob = async function (id, early) {
    if (this.trialJobs[id] === undefined) return;
    this.trialJobs[id].isEarlyStopped = Boolean(early);
    try { await this.v3.stopTrial(id); } catch (_) { /* it has ended meanwhile */ }
  };
}

// 9. A run of ours says itself when there is a trial, and how many there are: whatever a user
//    changes of that in the web UI would only let the run wait for trials that never begin.
function mendRuling(mended) {
  mended.updateExperimentProfile = function () {
    return Promise.reject(new Error("this experiment is ruled by a run of nasbridge: end it, and "
      + "resume it with other settings, as --jobs or --trials"));
  };
  const limit = Object.getOwnPropertyDescriptor(mended, "maxTrialNum").get;
  Object.defineProperty(mended, "maxTrialNum", {
    get() { return this.waitingTrials.length ? Infinity : limit.call(this); },
  });
}

function mendManager(NNIManager) {
  const mended = NNIManager.prototype;
  const hear = mended.onTunerCommand;
  mended.onTunerCommand = async function (...said) {
    await hear.apply(this, said);
    look();
  };
  const ping = mended.pingDispatcher; // it waits as long as who looks at trials
  mended.pingDispatcher = function () {
    return ping.call(Object.create(this, { pollInterval: { value: 1 } }));
  };
  const setup = mended.setupTuner;
  mended.setupTuner = async function (...given) {
    await setup.apply(this, given);
    tuner = this.dispatcherPid || 0; // none where the tuner is an object in a run of ours
  };
  if (owner) mendRuling(mended);
  // 6. After a resume the numbers of trials began anew where none had been interrupted.
  const recover = mended.addRecoveredTrialJob;
  mended.addRecoveredTrialJob = function (jobs) {
    const count = recover.call(this, jobs);
    const known = jobs.map((job) => (job.sequenceId === undefined ? -1 : job.sequenceId));
    this.experimentProfile.nextSequenceId = Math.max(-1, ...known) + 1;
    return count;
  };
}

// 8. A tuner had ten seconds to connect, in which a busy machine does not even import a library;
//    and one that had broken down was waited for as long.
const CONNECT = 120; // seconds
let tuner = 0; // the process's id
function isAlive(pid) {
  try { return process.kill(pid, 0); } catch (_) { return false; }
}
function mendConnecting(loaded) {
  const mended = Object.getPrototypeOf(loaded.getTunerServer());
  const init = mended.init;
  mended.init = function () {
    if (this.connect.settled) return init.call(this);
    const deadline = Date.now() + 1000 * CONNECT;
    const timer = setInterval(() => {
      const isLost = tuner && !isAlive(tuner);
      if (!this.connect.settled && (isLost || Date.now() > deadline)) {
        const said = isLost ? "has ended before it connected"
          : `did not connect in ${CONNECT} seconds`;
        this.connect.reject(new Error(`Tuner ${said}. Please check tuner (dispatcher) log.`));
      }
      if (this.connect.settled) clearInterval(timer);
    }, POLL);
    return this.connect.promise;
  };
}

function mendScripts(scripts) {
  // 7. Asking for its own version took NNI a Python process of several seconds.
  const run = scripts.runPythonModule;
  scripts.runPythonModule = async function (name, args) {
    const said = process.env.NASBRIDGE_VERSIONS;
    return said && /collect_version_info$/.test(name) ? said : run(name, args);
  };
}

// Measurements that stand beside NNI as it is keep it as it is, but for the address.
const mends = process.env.NASBRIDGE_STOCK ? [] : [
  [/v3\/compat$/, (loaded) => loaded.V3asV1 && mendTrials(loaded.V3asV1)],
  [/core\/nnimanager$/, (loaded) => loaded.NNIManager && mendManager(loaded.NNIManager)],
  [/\/tuner_command_channel$/, (loaded) => mendConnecting(loaded)],
  [/common\/pythonScript$/, (loaded) => mendScripts(loaded)],
  [/common\/utils$/, (loaded) => mendWaiting(loaded)],
];
const done = new Set();
const load = Module._load;
Module._load = function (request, ...rest) {
  const loaded = load.call(this, request, ...rest);
  for (const [pattern, mend] of mends) {
    if (pattern.test(request) && !done.has(loaded)) {
      done.add(loaded);
      mend(loaded);
    }
  }
  return loaded;
};
