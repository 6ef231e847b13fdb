import { parseArgs } from 'node:util';
import { createRandom } from '../../src/data/seed/random.ts';
import { ATTACKS, HEAD, openFrom } from './attacks.ts';

/**
 * A process of many attackers. Each makes one attack after the other, chosen at random, until the process is killed. Prints the
 * name of each attack that has ended. They come from five machines; with `--token`s, all from the same, as five callers.
 */
async function main(): Promise<void> {
  const option = { type: 'string', default: '' } as const;
  const several = { type: 'string', multiple: true, default: [] as string[] } as const;
  const { values } = parseArgs({
    options: { port: option, customer: option, seed: option, attackers: option, attack: several, token: several },
  });
  const { attack: names, token: tokens } = values;
  const attack = async (number: number): Promise<never> => {
    const random = createRandom(Number(values.seed), number);
    const token = tokens[number % tokens.length];
    const address = token === undefined ? `127.0.1.${1 + (number % 5)}` : '127.0.0.1';
    const attacker = {
      open: () => openFrom(address, Number(values.port)),
      random: () => random.below(1_000_000),
      customerId: values.customer,
      signed: (requests: string) =>
        token === undefined ? requests : requests.replaceAll(HEAD, `${HEAD}Authorization: Bearer ${token}\r\n`),
    };
    // Each attack comes up early, and then as often as any other.
    for (let i = number; ; i = random.below(names.length)) {
      const name = names[i % names.length] ?? '';
      await ATTACKS[name]?.(attacker);
      process.stdout.write(`${name}\n`);
    }
  };
  await Promise.all(Array.from({ length: Number(values.attackers) }, (_, number) => attack(number)));
}

await main();
