import { z } from 'zod';
import { quoted } from './errors.ts';

/** Refuses a setting's value. */
export function refuseValue(ctx: z.RefinementCtx, message: string): never {
  ctx.addIssue({ code: 'custom', message });
  return z.NEVER;
}

/** A setting that is read from its text, or `fallback` when it is not given or empty. */
export const setting = <Fallback, Value>(fallback: Fallback, read: (text: string, ctx: z.RefinementCtx) => Value) =>
  z
    .string()
    .optional()
    .transform((text, ctx) => (text === undefined || text === '' ? fallback : read(text, ctx)));

export const wholeNumber = (fallback: number, min: number, max: number) =>
  setting(fallback, (text, ctx) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    return refuseValue(ctx, `expected a whole number from ${min} to ${max}, got ${quoted(text)}`);
  });

export const oneOf = <const T extends string, Fallback extends T | undefined = T>(
  fallback: Fallback,
  values: readonly T[],
) =>
  setting(fallback, (text, ctx) => {
    const value = values.find((candidate) => candidate === text);
    return value ?? refuseValue(ctx, `expected one of ${values.join(', ')}, got ${quoted(text)}`);
  });

/** An address to listen on, or a host name. Whether it belongs to this machine shows when the gateway listens. */
export const host = setting('127.0.0.1', (text, ctx) => {
  if (/^[\w.:%-]+$/.test(text)) return text;
  return refuseValue(ctx, `expected a host name or an address such as 0.0.0.0, got ${quoted(text)}`);
});

/** The parts of a comma-separated list; undefined for commas with nothing between them. */
export function listed(text = ''): readonly string[] | undefined {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return parts.length === 0 && text.trim() !== '' ? undefined : parts;
}

/**
 * Names in the header `Host`, comma-separated, normalized to what browsers send: lower case, and ASCII. A name that begins with a
 * dot stands for all below it, too.
 */
export const hostNames = z
  .string()
  .optional()
  .transform((text, ctx): readonly string[] => {
    return (
      listed(text)?.map((part) => hostNameIn(part) ?? refuseHostName(part, ctx)) ?? refuseHostName(text ?? '', ctx)
    );
  });

/** Undefined for anything that is not a name. URL.parse would silently drop a path, and a `*` has no effect. */
const hostNameIn = (part: string): string | undefined =>
  /^(?:\.?[^:/\\?#@*%.[\]\s]+(?:\.[^:/\\?#@*%.[\]\s]+)*\.?|\[[\da-f:.]+\])$/i.test(part)
    ? URL.parse(`http://${part}`)?.hostname.replace(/\.$/, '')
    : undefined;

function refuseHostName(part: string, ctx: z.RefinementCtx): never {
  const why = part.includes('*')
    ? ', which would let any web page read customers; .example.com stands for all names below example.com'
    : /^[^:[]*(?::\d|:?\/)/.test(part)
      ? ', which has more than a name'
      : '';
  return refuseValue(ctx, `expected host names such as crm.example.com, comma-separated, got ${quoted(part)}${why}`);
}

/** Origins of web pages, comma-separated, normalized to what browsers send: lower case, without the scheme's default port. */
export const origins = z
  .string()
  .optional()
  .transform((text, ctx): readonly string[] => {
    return listed(text)?.map((part) => originIn(part) ?? refuseOrigin(part, ctx)) ?? refuseOrigin(text ?? '', ctx);
  });

/** Undefined for anything that is not an origin. URL.parse would silently drop a path, and a `*` within a name has no effect. */
const originIn = (part: string): string | undefined =>
  /^https?:\/\/[^/\\?#@*\s]+$/i.test(part) ? URL.parse(part)?.origin : undefined;

function refuseOrigin(part: string, ctx: z.RefinementCtx): never {
  const why = part.includes('*')
    ? ', which would let pages that are not listed read customers'
    : /^https?:\/\/[^/\\?#\s]+[/\\]\S*$/i.test(part)
      ? ', which has a path or a / at the end'
      : '';
  return refuseValue(
    ctx,
    `expected origins such as https://app.example.com, comma-separated, got ${quoted(part)}${why}`,
  );
}
