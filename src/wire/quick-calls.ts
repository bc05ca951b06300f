// What the quick lane does with a plain request: the same checks, the same handler and the same answer as on the way through
// node:http. Whatever is wrong before the handler is asked goes that other way, which says so in full.
import { isDiskFull } from "../kit/disk-full.ts";
import { Fault } from "../kit/fault.ts";
import { type Found, findOperation } from "./dispatch.ts";
import { checkDeclaredHash, type Door, faultOf } from "./exchange.ts";
import { checkHost, foreignPage } from "./hosts.ts";
import { bindingsOf } from "./http-bindings.ts";
import type { Operation } from "./model.ts";
import { parseInput } from "./parse-input.ts";
import type { PlainHead } from "./plain-head.ts";
import type { QuickCaller, QuickLaneOptions } from "./quick-lane.ts";
import { type Recognised, recognise } from "./recognise.ts";
import { headerOf, headOf, type RequestHead } from "./request-head.ts";
import type { Call } from "./service.ts";
import { sha256 } from "./signatures.ts";
import { validate } from "./validate.ts";
import { type Answer, type AnswerOptions, writeFault, writeOutput } from "./write-answer.ts";

/** Answers calls of the operations that `takes` names (`service.Operation`), and undefined for what is not for their handlers. */
export function quickCalls(
  door: Omit<Door, "takesOver" | "patienceOf">,
  takes: (operation: string) => boolean,
): QuickLaneOptions["answer"] {
  return async (plain, body, caller) => {
    const call = new QuickCall(door, plain, caller);
    const understood = call.understand(body);
    if (understood === undefined) return undefined;
    const { service, operation } = understood.found;
    const isTaken = takes(`${service.model.name}.${operation.name}`) && !answersInPieces(operation);
    return isTaken ? call.perform(understood) : undefined;
  };
}

/** The lane's answers are whole. */
function answersInPieces({ output }: Operation): boolean {
  const shape = bindingsOf(output).payload?.shape;
  return shape?.kind === "streaming-blob" || (shape?.kind === "structure" && shape.isEventStream);
}

interface Understood {
  found: Found;
  input: Record<string, unknown>;
}

class QuickCall implements Call {
  readonly requestId: string;
  readonly accountId: string;
  readonly #door: Omit<Door, "takesOver" | "patienceOf">;
  readonly #caller: QuickCaller;
  readonly #head: RequestHead;
  readonly #recognised: Recognised;

  constructor(door: Omit<Door, "takesOver" | "patienceOf">, plain: PlainHead, caller: QuickCaller) {
    this.#door = door;
    this.#caller = caller;
    this.requestId = door.clock.uuid();
    this.accountId = door.accountId;
    this.#head = headOf({ method: "POST", url: plain.target, headers: plain.headers, socket: caller.socket });
    this.#recognised = recognise(this.#head);
  }

  get region(): string {
    return this.#head.scope?.region ?? this.#door.region;
  }

  get baseUrl(): string {
    return `http://${this.#head.headers.host}`;
  }

  get callerAddress(): string | undefined {
    return this.#caller.socket.remoteAddress;
  }

  get signal(): AbortSignal {
    return this.#caller.signal;
  }

  get patience(): AbortSignal {
    return this.#caller.signal;
  }

  understand(body: Buffer): Understood | undefined {
    const { names, verifier, services } = this.#door;
    const { dialect } = this.#recognised;
    const head = this.#head;
    try {
      checkHost(head, names);
      if (foreignPage(head, names) !== undefined) return undefined;
      const found = findOperation(services, this.#recognised, head);
      if (verifier !== undefined) {
        verifier.verify(head, dialect, () => sha256(body));
        checkDeclaredHash(head, body);
      }
      const input = parseInput(found.operation, { dialect, head, labels: found.labels, body });
      validate(found.service.model, found.operation.input, input);
      return { found, input };
    } catch (error) {
      if (error instanceof Fault) return undefined;
      throw error;
    }
  }

  async perform({ found: { service, operation, handler }, input }: Understood): Promise<Answer> {
    const { requestId } = this;
    const requestType = headerOf(this.#head, "content-type");
    const answering: AnswerOptions = { dialect: this.#recognised.dialect, requestId, requestType };
    let answer: Answer;
    try {
      answer = writeOutput(service.model, operation, await handler(input, this), answering);
    } catch (error) {
      const isFault = error instanceof Fault;
      // What fails because its caller has left is nobody's bug, and nobody hears the answer.
      if (!isFault && this.#caller.socket.writable) {
        const kind = isDiskFull(error) ? "full-disk" : "bug";
        this.#door.report({ kind, requestId, operation: operation.name, error });
      }
      answer = writeFault(service.model, isFault ? error : faultOf(error, answering.dialect), answering);
      if (answer.status === 503) answer.headers["retry-after"] ??= "1";
    }
    answer.headers["x-amzn-requestid"] = requestId;
    return answer;
  }
}
