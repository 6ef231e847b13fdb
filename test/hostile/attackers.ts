import { parseArgs } from 'node:util';
import { createRandom } from '../../src/data/seed/random.ts';
import { ATTACKS, openFrom } from './attacks.ts';

/**
 * A process of many attackers: `attackers.ts --port N --customer ID --seed N --attackers N`. Each makes one attack after the
 * other, chosen at random, until the process is killed. Prints the name of each that has ended.
 */
async function main(): Promise<void> {
  const option = { type: 'string', default: '' } as const;
  const { values } = parseArgs({ options: { port: option, customer: option, seed: option, attackers: option } });
  const names = Object.keys(ATTACKS);
  const attack = async (number: number): Promise<never> => {
    const random = createRandom(Number(values.seed), number);
    // Five machines, each with several attackers.
    const address = `127.0.1.${1 + (number % 5)}`;
    const attacker = {
      open: () => openFrom(address, Number(values.port)),
      random: () => random.below(1_000_000),
      customerId: values.customer,
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
