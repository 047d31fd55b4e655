// An SDK small enough for a test: remembers the spans that were made through the API, with the parent that the context told.
import {
  type Attributes,
  type Context,
  type ContextManager,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanOptions,
  type SpanStatus,
  SpanStatusCode,
  type TextMapPropagator,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';

/** A span as it was at its end, or is. */
export interface MadeSpan {
  readonly name: string;
  readonly kind: SpanOptions['kind'];
  readonly parent: SpanContext | undefined;
  readonly attributes: Attributes;
  status: SpanStatus;
  /** How often it was ended. */
  ends: number;
}

/** W3C's `traceparent`, as far as a test needs it. */
const PROPAGATOR: TextMapPropagator = {
  inject: () => {},
  fields: () => ['traceparent'],
  extract: (context, carrier, getter) => {
    const text = String(getter.get(carrier, 'traceparent') ?? '');
    const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text) ?? [];
    if (traceId === undefined || spanId === undefined) return context;
    return trace.setSpanContext(context, { traceId, spanId, traceFlags: Number.parseInt(flags ?? '0', 16), isRemote: true });
  },
};

/** Registered through the API from its making until `unregister`. With `isRecording` false, every span is one that a sampler left out. */
export class TestTracing {
  readonly spans: MadeSpan[] = [];
  readonly #isRecording: boolean;

  constructor(isRecording = true) {
    this.#isRecording = isRecording;
    const tracer: Tracer = {
      startSpan: (name, options, context) => this.#start(name, options, context),
      startActiveSpan: () => {
        throw new Error('nothing here makes a span active');
      },
    };
    trace.setGlobalTracerProvider({ getTracer: () => tracer });
    propagation.setGlobalPropagator(PROPAGATOR);
  }

  unregister(): void {
    trace.disable();
    propagation.disable();
  }

  #start(name: string, { kind, attributes = {} }: SpanOptions = {}, context: Context = ROOT_CONTEXT): Span {
    const made: MadeSpan = {
      name,
      kind,
      parent: trace.getSpanContext(context),
      attributes: { ...attributes },
      status: { code: SpanStatusCode.UNSET },
      ends: 0,
    };
    this.spans.push(made);
    const set = (more: Attributes): void => {
      if (made.ends > 0) throw new Error(`${name} was changed after its end`);
      Object.assign(made.attributes, more);
    };
    const span: Span = {
      spanContext: () => ({ traceId: '0'.repeat(31).concat('1'), spanId: '0'.repeat(15).concat('1'), traceFlags: TraceFlags.SAMPLED }),
      setAttribute: (key, value) => {
        set({ [key]: value });
        return span;
      },
      setAttributes: (more) => {
        set(more);
        return span;
      },
      setStatus: (status) => {
        made.status = status;
        return span;
      },
      end: () => {
        made.ends++;
      },
      isRecording: () => this.#isRecording && made.ends === 0,
      addEvent: () => span,
      addLink: () => span,
      addLinks: () => span,
      updateName: () => span,
      recordException: () => {},
    };
    return span;
  }
}

/** A context that never changes, such as that of whoever started a server. */
export function alwaysIn(context: Context): ContextManager {
  return {
    active: () => context,
    with: (_context, run, self, ...args) => run.apply(self as never, args),
    bind: (_context, target) => target,
    enable() {
      return this;
    },
    disable() {
      return this;
    },
  };
}
