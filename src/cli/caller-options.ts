import { accessKeyOf, ANYBODY, SCOPES, scopesOf, type Caller, type Scope } from '../access/caller.ts';
import { CliError, EXIT } from '../cli-error.ts';
import type { Config } from '../config.ts';
import { agentIdOf, globalId } from '../crm/global-id.ts';
import { quoted } from '../errors.ts';

/** Who calls, as typed. */
export interface CallerOptions {
  readonly scopes?: string | undefined;
  readonly owner?: string | undefined;
  readonly subject?: string | undefined;
}

const isKnown = (name: string) => SCOPES.some((scope) => scope === name);

/** @throws CliError (64) for what are no scopes */
export function parseScopes(text: string | undefined): readonly Scope[] {
  const names = text?.split(',') ?? [];
  if (names.length === 0 || !names.every(isKnown))
    throw wrong(`--scopes: expected some of ${SCOPES.join(',')}, comma-separated, got ${shown(text)}`);
  return scopesOf(names.join(' '));
}

/**
 * The row id of an agent; undefined if none is given.
 * @throws CliError (64) for what is no such id
 */
export function parseOwner(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const id = agentIdOf(text);
  if (id !== undefined) return id;
  throw wrong(`--owner: expected the id of an agent, such as ${globalId('Agent', '1')}, got ${quoted(text)}`);
}

/**
 * The caller that the options describe, as the gateways of these settings would know it.
 * @throws CliError (64) if they know no callers, or if scopes are missing
 */
export function parseCaller({ scopes, owner, subject }: CallerOptions, { auth }: Pick<Config, 'auth'>): Caller {
  if (auth.tokens === undefined && !auth.apiKeys) {
    if ((scopes ?? owner ?? subject) === undefined) return ANYBODY;
    throw wrong(
      '--scopes, --owner, --subject: expected none, since without a setting AUTH_... all callers are the same',
    );
  }
  const [given, agent] = [parseScopes(scopes), parseOwner(owner)];
  return {
    subject: subject ?? null,
    scopes: given,
    ...(agent !== undefined && { owner: agent }),
    accessKey: accessKeyOf(given, agent),
  };
}

/** An argument as a message quotes it. */
export const shown = (text: string | undefined): string => (text === undefined ? 'none' : quoted(text));

/** The refusal of an argument. */
export const wrong = (message: string): CliError => new CliError(message, { exitCode: EXIT.usage });
