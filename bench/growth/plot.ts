import type { Figures } from './measure.ts';
import type { GrowthResults } from './verdict.ts';

const COLUMNS = 3;
const WIDTH = 320;
const HEIGHT = 120;
/** Of a picture: its title above, and the numbers of customers below. */
const PLOT = { left: 48, top: 30, width: 250, height: 60 };

/** A picture for each question: times by the number of customers. */
export function growthPlot(results: GrowthResults): string {
  const pictures = [...results].map(([{ name }, figures], i) => {
    const [x, y] = [(i % COLUMNS) * WIDTH, Math.floor(i / COLUMNS) * HEIGHT];
    return `<g transform="translate(${x} ${y})">${pictureOf(name, figures)}</g>`;
  });
  const height = Math.ceil(results.size / COLUMNS) * HEIGHT;
  // A background of its own, so that it can be read on a dark page.
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${COLUMNS * WIDTH} ${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
${pictures.join('\n')}
</svg>
`;
}

function pictureOf(name: string, figures: readonly Figures[]): string {
  const { left, top, width, height } = PLOT;
  const mostMs = Math.max(...figures.map(({ p99Ms }) => p99Ms)) * 1.1;
  const logs = figures.map(({ customers }) => Math.log10(customers));
  const [first = 0, last = 1] = [logs[0], logs.at(-1)];
  const across = logs.map((log) => left + (last === first ? 0 : ((log - first) / (last - first)) * width));
  const line = (of: 'p50Ms' | 'p99Ms', stroke: number): string => {
    const points = figures.map(
      (figure, i) => `${across[i]?.toFixed(1)},${(top + height * (1 - figure[of] / mostMs)).toFixed(1)}`,
    );
    return `<polyline points="${points.join(' ')}" fill="none" stroke="#1f6feb" stroke-width="${stroke}"/>`;
  };
  const bottom = top + height;
  const marks = figures.map(
    ({ customers }, i) =>
      `<text x="${across[i]?.toFixed(1)}" y="${bottom + 14}" text-anchor="middle" fill="#555">${customers.toLocaleString('en')}</text>`,
  );
  return [
    `<text x="10" y="18">${name.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`,
    `<path d="M${left},${top}V${bottom}H${left + width}" fill="none" stroke="#999"/>`,
    `<text x="${left - 4}" y="${top + 8}" text-anchor="end" fill="#555">${mostMs.toFixed(1)} ms</text>`,
    line('p50Ms', 1),
    line('p99Ms', 2.5),
    ...marks,
  ].join('');
}
