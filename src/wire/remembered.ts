/** More than the clients of one server use; whoever makes them up makes us compute. */
const mostRemembered = 512;
/** Longer texts are the sender's own and hardly come again. */
const longestRemembered = 512;

/** A pure function of a short text that hardly changes from request to request (a host, a credential, a target): asked once for each. */
export function remembered<Value>(work: (text: string) => Value): (text: string) => Value {
  const known = new Map<string, Value>();
  return (text) => {
    const value = known.get(text);
    if (value !== undefined || known.has(text)) return value as Value;
    const made = work(text);
    if (text.length > longestRemembered) return made;
    if (known.size >= mostRemembered) known.clear();
    known.set(text, made);
    return made;
  };
}
