// Runs one Node.js handler behind the Lambda Runtime API: one process, one invocation at a time.
//
// What a handler can see follows AWS: how it is found and called, the names and shapes of errors, the console's log lines.
import { existsSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { Writable } from "node:stream";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const api = "/2018-06-01/runtime";
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const taskRoot = process.env.LAMBDA_TASK_ROOT;
const streaming = Symbol.for("aws.lambda.runtime.handler.streaming");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const logsJson = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
let isLeaving = false;
let requestId = "undefined"; // AWS prints this word before the first invocation

class RuntimeFault extends Error {
  constructor(kind, message, stack) {
    super(message);
    this.name = kind;
    if (stack) this.stack = stack;
  }
}

async function serve() {
  const { headers, body } = await call("GET", "/invocation/next");
  requestId = headers["lambda-runtime-aws-request-id"];
  if (headers["lambda-runtime-trace-id"]) process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
  const path = `/invocation/${requestId}`;
  watchForLooseErrors(`${path}/error`);
  let answer;
  try {
    const event = JSON.parse(body.toString());
    if (handler[streaming]) {
      await streamResponse(event, headers, path);
      return setImmediate(serve);
    }
    answer = [`${path}/response`, stringify(await invoke(event, headers)), {}];
  } catch (error) {
    endIfTooLarge(error);
    const document = errorDocument(error);
    console.error("Invoke Error", "\t", JSON.stringify({ ...document, stack: document.trace, trace: undefined }));
    answer = [`${path}/error`, JSON.stringify(document), errorHeaders(document)];
  }
  await call("POST", ...answer);
  setImmediate(serve);
}

// A handler answers by a promise or by its callback; one that does neither answers null once nothing is left to wait for.
function invoke(event, headers) {
  return new Promise((fulfil, reject) => {
    let isAnswered = false;
    const settle = (settleWith, value) => {
      if (isAnswered) return;
      isAnswered = true;
      process.off("beforeExit", onIdle);
      settleWith(value);
    };
    let atIdle = () => settle(fulfil, null);
    const onIdle = () => atIdle();
    process.on("beforeExit", onIdle);
    const callback = (error, result) => {
      const answer = () => (error ? settle(reject, error) : settle(fulfil, result));
      if (error || !context.callbackWaitsForEmptyEventLoop) answer();
      else atIdle = answer;
    };
    const context = contextOf(headers, callback);
    const returned = handler(event, context, callback);
    if (typeof returned?.then === "function") {
      returned.then(
        (value) => settle(fulfil, value),
        (error) => settle(reject, error),
      );
    }
  });
}

// ---------------------------------------------------------------- streaming

/** The stream that a handler made by `awslambda.streamifyResponse` writes its result to. */
class ResponseStream extends Writable {
  #contentType = "application/octet-stream";
  #path;
  #request;

  constructor(path) {
    super();
    this.#path = path;
  }

  setContentType(type) {
    if (this.#request !== undefined) throw new Error("Cannot set content-type, too late.");
    this.#contentType = type;
  }

  get hasBegun() {
    return this.#request !== undefined;
  }

  /** Ends with the error in the trailers: the answer has begun. */
  fail(document) {
    this.#request.addTrailers({
      ...errorHeaders(document),
      "Lambda-Runtime-Function-Error-Body": Buffer.from(JSON.stringify(document)).toString("base64"),
    });
    return new Promise((fulfil) => this.#close(fulfil));
  }

  _write(chunk, _encoding, done) {
    this.#open().write(chunk, done);
  }

  _final(done) {
    this.#open();
    this.#close(done);
  }

  #open() {
    this.#request ??= request({
      ...{ host, port, agent, method: "POST", path: `${api}${this.#path}/response` },
      headers: {
        "Content-Type": this.#contentType,
        "Transfer-Encoding": "chunked",
        "Lambda-Runtime-Function-Response-Mode": "streaming",
        Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
        "Scones-Max-Memory-Kb": String(process.resourceUsage().maxRSS),
      },
    }).on("error", () => process.exit(1));
    return this.#request;
  }

  #close(done) {
    this.#request.on("response", (response) => response.resume().on("end", () => done()));
    this.#request.end();
  }
}

async function streamResponse(event, headers, path) {
  const stream = new ResponseStream(path);
  const isFinished = new Promise((fulfil, reject) => stream.on("finish", fulfil).on("error", reject));
  isFinished.catch(() => {}); // told through the handler's own promise, or below
  try {
    await handler(
      event,
      stream,
      contextOf(headers, () => {}),
    );
    if (!stream.writableEnded) stream.end();
    await isFinished;
  } catch (error) {
    const document = errorDocument(error);
    console.error("Invoke Error", "\t", JSON.stringify({ ...document, stack: document.trace, trace: undefined }));
    if (stream.writableFinished) return;
    if (stream.hasBegun) await stream.fail(document);
    else await call("POST", `${path}/error`, JSON.stringify(document), errorHeaders(document));
  }
}

function offerStreaming() {
  globalThis.awslambda = {
    streamifyResponse(handler) {
      handler[streaming] = true;
      return handler;
    },
    HttpResponseStream: {
      // As function URLs read it: status and headers as JSON, eight zeros, then the body.
      from(stream, prelude) {
        stream.setContentType("application/vnd.awslambda.http-integration-response");
        stream.write(JSON.stringify(prelude));
        stream.write(new Uint8Array(8));
        return stream;
      },
    },
  };
}

function contextOf(headers, callback) {
  const deadlineMs = Number(headers["lambda-runtime-deadline-ms"]);
  const clientContext = headers["lambda-runtime-client-context"];
  const identity = headers["lambda-runtime-cognito-identity"];
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: clientContext ? JSON.parse(clientContext) : undefined,
    identity: identity ? JSON.parse(identity) : undefined,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
    succeed: (result) => callback(null, result),
    fail: (error) => callback(error ?? new Error("handled"), undefined),
    done: callback,
  };
}

function stringify(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch {
    throw new Error("Unable to stringify response body");
  }
}

// ------------------------------------------------------------------ handler

async function loadHandler(name) {
  const match = /^([^.]*)\.(.*)$/.exec(basename(name));
  if (!match || name.includes("..")) throw new RuntimeFault("Runtime.MalformedHandlerName", "Bad handler");
  const [, moduleName, exportPath] = match;
  const module = await loadModule(resolve(taskRoot, dirname(name), moduleName), join(dirname(name), moduleName));
  const found = member(module, exportPath) ?? member(module.default ?? {}, exportPath);
  if (found === undefined) {
    throw new RuntimeFault("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  }
  if (typeof found !== "function") throw new RuntimeFault("Runtime.HandlerNotFound", `${name} is not a function`);
  return found;
}

const member = (value, path) => path.split(".").reduce((part, key) => part?.[key], value);

async function loadModule(path, name) {
  const file = [path, `${path}.js`, `${path}.mjs`, `${path}.cjs`].find((candidate) => existsSync(candidate));
  if (file === undefined) {
    throw new RuntimeFault("Runtime.ImportModuleError", `Error: Cannot find module '${name}'`);
  }
  try {
    return isEsModule(file) ? await import(pathToFileURL(file).href) : createRequire(file)(file);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new RuntimeFault("Runtime.UserCodeSyntaxError", `SyntaxError: ${error.message}`, error.stack);
    }
    if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND") {
      throw new RuntimeFault("Runtime.ImportModuleError", `Error: ${error.message}`, error.stack);
    }
    throw error;
  }
}

function isEsModule(file) {
  if (file.endsWith(".mjs")) return true;
  if (file.endsWith(".cjs")) return false;
  for (let folder = dirname(file); folder.startsWith(taskRoot); folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, "utf8")).type === "module";
  }
  return false;
}

// ------------------------------------------------------------------- errors

function errorDocument(error) {
  if (error instanceof Error) {
    const trace = (error.stack ?? `${error.name}: ${error.message}`).split("\n").map(shown);
    return { errorType: error.name || "Error", errorMessage: error.message, trace };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

// On AWS a function that uses more than its memory is killed; here the kernel refused it more, which Node tells as an error.
function endIfTooLarge(error) {
  if (!/allocation failed|out of memory/i.test(error?.message) && error?.code !== "ERR_MEMORY_ALLOCATION_FAILED")
    return;
  const usedMb = process.resourceUsage().maxRSS / 1024;
  if (usedMb >= Number(process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE)) process.kill(process.pid, "SIGKILL");
}

// The path as AWS shows it, also where the code could not be mounted on /var/task.
const shown = (line) => (taskRoot === "/var/task" ? line : line.replaceAll(taskRoot, "/var/task"));

const errorHeaders = (document) => ({ "Lambda-Runtime-Function-Error-Type": encodeURIComponent(document.errorType) });

function watchForLooseErrors(path) {
  process.removeAllListeners("uncaughtException");
  process.removeAllListeners("unhandledRejection");
  process.on("uncaughtException", (error) => leave(path, error, 129));
  process.on("unhandledRejection", (reason) => {
    const fault = new RuntimeFault("Runtime.UnhandledPromiseRejection", String(reason), reason?.stack);
    leave(path, fault, 128);
  });
}

async function leave(path, error, exitCode) {
  if (isLeaving) process.exit(exitCode);
  isLeaving = true;
  const document = errorDocument(error);
  console.error(path.startsWith("/init") ? "Init Error" : "Uncaught Exception", "\t", JSON.stringify(document));
  await call("POST", path, JSON.stringify(document), errorHeaders(document));
  process.exit(exitCode);
}

// ------------------------------------------------------ console, runtime API

function patchConsole() {
  const levels = { log: "INFO", info: "INFO", debug: "DEBUG", warn: "WARN", error: "ERROR", trace: "TRACE" };
  for (const [method, level] of Object.entries(levels)) {
    // One call is one log event: line ends within it become carriage returns.
    console[method] = (...values) => {
      if (logsJson) return logJson(level, values);
      const text = `${new Date().toISOString()}\t${requestId}\t${level}\t${format(...values)}`;
      process.stdout.write(`${text.replaceAll("\n", "\r")}\n`);
    };
  }
}

const levelOrder = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

function logJson(level, values) {
  const least = process.env.AWS_LAMBDA_LOG_LEVEL ?? "INFO";
  if (levelOrder.indexOf(level) < levelOrder.indexOf(least)) return;
  const [first] = values;
  const message =
    values.length === 1 && typeof first === "object" && !(first instanceof Error) ? first : format(...values);
  const error = values.find((value) => value instanceof Error);
  const about = error && {
    ...{ errorType: error.name, errorMessage: error.message },
    stackTrace: (error.stack ?? "").split("\n").map(shown),
  };
  const line = { timestamp: new Date().toISOString(), level, requestId, message, ...about };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function call(method, path, body, headers = {}) {
  return new Promise((fulfil) => {
    const gone = () => process.exit(1); // whoever asks for results is gone: so is the reason to run
    const memory = { "Scones-Max-Memory-Kb": String(process.resourceUsage().maxRSS) };
    const type =
      body === undefined ? {} : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
    const call = request({ host, port, method, path: api + path, agent, headers: { ...type, ...headers, ...memory } });
    call.on("error", gone);
    call.on("response", (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", gone);
      response.on("end", () => fulfil({ headers: response.headers, body: Buffer.concat(chunks) }));
    });
    call.end(body);
  });
}

patchConsole();
offerStreaming();
watchForLooseErrors("/init/error");
const handler = await loadHandler(process.env._HANDLER).catch((error) => leave("/init/error", error, 1));
serve();
