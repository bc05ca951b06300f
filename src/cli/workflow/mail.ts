import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Mail is written as soon as the subscription is made; later than this it will not come. */
const waitAtMostMs = 10_000;
const pollEveryMs = 100;

/** Does what the owner of a mail address does: opens the confirmation mail of a topic in the local outbox and follows its link. */
export async function confirmByMail(outboxFolder: string, topicArn: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + waitAtMostMs;
  for (;;) {
    const link = await newestLink(outboxFolder, topicArn);
    if (link !== undefined) {
      const answer = await fetch(link, { signal });
      if (!answer.ok) throw new Error(`the confirmation link in the mail answered ${answer.status}`);
      return;
    }
    if (Date.now() > deadline) throw new Error(`no confirmation mail arrived in ${outboxFolder}`);
    await sleep(pollEveryMs, undefined, { signal });
  }
}

async function newestLink(outboxFolder: string, topicArn: string): Promise<string | undefined> {
  const names = await readdir(outboxFolder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  for (const name of names
    .filter((candidate) => candidate.endsWith(".eml"))
    .sort()
    .reverse()) {
    const link = /^To confirm: (\S+)/m.exec(await readFile(join(outboxFolder, name), "utf8"))?.[1];
    if (link?.includes(`TopicArn=${topicArn}&`) || link?.includes(encodeURIComponent(topicArn))) return link;
  }
  return undefined;
}
