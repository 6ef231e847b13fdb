import { expect, test } from '@jest/globals';
import { isDayOfCalendar } from '../../src/calendar.ts';

test('the days of the calendar are those that a Date can be in', () => {
  const two = (n: number) => `${n}`.padStart(2, '0');
  const days = Array.from({ length: 14 * 33 }, (_, i) => `${two(Math.floor(i / 33))}-${two(i % 33)}`);
  const years = ['1000', '1900', '1999', '2000', '2023', '2024', '2100', '9999'];
  const wrong = years
    .flatMap((year) => days.map((day) => `${year}-${day}`))
    .filter((day) => {
      const date = new Date(`${day}T00:00:00Z`);
      const exists = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
      return isDayOfCalendar(`${day}T12:00:00.000Z`) !== exists;
    });
  expect(wrong).toEqual([]);
});
