import { Counter, Gauge, type Registry } from 'prom-client';

export type Kinds = ReturnType<typeof kindsIn>;

/** The kinds of metrics, each made by its name, its help and the names of its labels, in a registry. */
export const kindsIn = (registry: Registry) => ({
  counter: <Label extends string = never>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name, help, labelNames, registers: [registry] }),
  gauge: (name: string, help: string) => new Gauge({ name, help, registers: [registry] }),
  /** Returns a function that takes what is asked for the value whenever somebody looks. */
  measuredGauge: (name: string, help: string) => (measure: () => number) =>
    void new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(measure());
      },
    }),
  /** Returns a function that is given all states and which of them is the present one, and adds the gauge. */
  stateGauge:
    (name: string, help: string) =>
    <State extends string>(states: readonly State[], present: () => State): Gauge<'state'> =>
      new Gauge({
        name,
        help,
        labelNames: ['state'],
        registers: [registry],
        collect() {
          for (const state of states) this.set({ state }, state === present() ? 1 : 0);
        },
      }),
});
