// A few workers, each of which does one thing at a time. Of what waits, the most urgent comes first.

const IDLE = 30000; // milliseconds after which a worker, and its memory, is given up
const crew = new Set(); // { ready, job, timer }: a promise of a worker, and what it does
const queue = [];

// Has a worker do a task. `urgency()` tells how urgent it is whenever a worker is free; `signal` ends it.
function ask(task, bytes, { signal, progress, preview, urgency = () => 0 } = {}) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const job = { task, bytes, progress, preview, urgency, resolve, reject };
    signal?.addEventListener("abort", () => cancel(job, signal.reason), { once: true });
    queue.push(job);
    assign();
  });
}

function assign() {
  while (queue.length) {
    const member = [...crew].find((one) => !one.job) ?? (crew.size < settings.workers && hire());
    if (!member) return;
    const next = queue.reduce((best, job) => (job.urgency() > best.urgency() ? job : best));
    queue.splice(queue.indexOf(next), 1);
    clearTimeout(member.timer);
    member.job = next;
    member.ready.then((worker) => worker.postMessage({ task: next.task, bytes: next.bytes }), () => {});
  }
}

function hire() {
  const member = { job: null };
  member.ready = startWorker(member);
  member.ready.catch((error) => finish(member, "reject", error, true));
  crew.add(member);
  return member;
}

async function startWorker(member) {
  const worker = new Worker(await workerScript());
  worker.addEventListener("message", ({ data }) => answer(member, worker, data));
  worker.addEventListener("error", (event) => {
    finish(member, "reject", new Error(event.message || `the decoder does not start: is ${DECODER} beside lic.js?`), true);
  });
  const model = onlyModel();
  if (model) worker.postMessage({ model });
  return worker;
}

// Workers need a script of the page's own origin.
async function workerScript() {
  if (!inPage(DECODER) && addressOf(DECODER).origin === location.origin) return addressOf(DECODER);
  const script = await getFile(DECODER);
  if (!script) throw new Error(`${DECODER} is not beside lic.js: say where it is by configure({ base: "/folder/" })`);
  return URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
}

// A worker sends progress, a preview, a result or an error, or asks the page for something.
async function answer(member, worker, { progress, preview, result, error, number, file }) {
  if (progress !== undefined) member.job?.progress?.(progress);
  else if (preview) member.job?.preview?.(preview);
  else if (error) finish(member, "reject", Object.assign(new Error(error.message), { name: error.name }));
  else if (number === undefined) finish(member, "resolve", result);
  else {
    const said = await getFile(file).then(
      (found) => ({ found }),
      ({ name, message }) => ({ error: { name, message } }),
    );
    worker.postMessage({ number, ...said });
  }
}

function finish(member, how, value, dismissed = false) {
  const { job } = member;
  member.job = null;
  if (dismissed) dismiss(member);
  else member.timer = setTimeout(() => dismiss(member), IDLE);
  job?.[how](value);
  assign();
}

function dismiss(member) {
  crew.delete(member);
  member.ready.then((worker) => worker.terminate(), () => {});
}

// What waits is forgotten; what is being done cannot be stopped but with its worker.
function cancel(job, reason) {
  const member = [...crew].find((one) => one.job === job);
  if (member) return finish(member, "reject", reason, true);
  if (queue.includes(job)) {
    queue.splice(queue.indexOf(job), 1);
    job.reject(reason);
  }
}
