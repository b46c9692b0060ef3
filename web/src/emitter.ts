/** Named events to handlers. A handler that throws is reported and stops nobody else. */

export type Handler = (first: never, second: never) => void;

export class Emitter {
  private readonly handlers = new Map<string, Set<Handler>>();

  on(type: string, handler: Handler): () => void {
    const set = this.handlers.get(type) ?? new Set();
    this.handlers.set(type, set.add(handler));
    return () => void set.delete(handler);
  }

  off(type: string, handler: Handler): void {
    this.handlers.get(type)?.delete(handler);
  }

  has(type: string): boolean {
    return (this.handlers.get(type)?.size ?? 0) > 0;
  }

  emit(type: string, first?: unknown, second?: unknown): void {
    for (const handler of [...(this.handlers.get(type) ?? [])]) {
      try {
        (handler as (a: unknown, b: unknown) => void)(first, second);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
