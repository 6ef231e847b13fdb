import { nodeId } from '../support/seeded.ts';

/** What ends a text in a statement, or means something in one, or in a pattern; none can be mistaken for another. */
export const HOSTILE_TEXTS: readonly string[] = [
  "'",
  '"',
  '\\',
  '`',
  '%',
  '_',
  '?',
  "\\'",
  "''",
  '/*',
  "' OR 1=1 -- ",
  '" OR ""="',
  "') OR ('1'='1",
  "'; DROP TABLE customers; -- ",
  "\\' UNION SELECT id, name FROM agents -- ",
  "x' OR 1 #",
  ':name $1 ? @@version',
  "😀' OR 1=1 -- ",
  '\u{20000}\\',
  "\u00bf'",
  '縗\\',
];

/** In an email address, these are allowed. */
export const HOSTILE_EMAILS: readonly string[] = [
  "'or'1'='1@example.com",
  "o'hara%_@example.com",
  '`a`@example.com',
  "'--@example.com",
  "?'#{*/@example.com",
];

/** What is no text, or no id, number or code, though it begins as one. */
export const HOSTILE_VALUES: readonly string[] = [
  "\0' OR 1=1 -- ",
  'a\0b',
  nodeId('Customer', '1 OR 1=1'),
  nodeId("Customer' OR 1=1 -- ", 1),
  nodeId('Customer', "1' -- "),
  "+4930123456' OR 1=1 -- ",
  "1.50' OR 1=1",
  "EUR' OR 'a'='a",
  "2020-01-01T00:00:00Z' OR 1=1 -- ",
];
