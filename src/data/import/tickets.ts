import { isOpen } from '../../crm/states.ts';
import type { TicketStatus } from '../../generated/prisma/enums.ts';
import { isResolved, rejected, type Outcome, type ResolvedRecord } from './upsert.ts';

const FIELD = { field: 'closedAt' } as const;

/**
 * Keeps the rule of `updateTicket`: a ticket has a closing time, not before its opening, exactly while it is resolved or
 * closed. A mapped time that contradicts is rejected. Where the mapping has none, the stored one is kept until the ticket is
 * reopened, and a missing one is the row's last change, or else the time of the import.
 * @returns the record with its closing time, or why it is rejected
 */
export function withClosing(one: ResolvedRecord | Outcome, now: string): ResolvedRecord | Outcome {
  if (!isResolved(one)) return one;
  const { columns, stored, changed } = one;
  const valueOf = (column: string): string | null => {
    const value = columns.get(column) ?? stored?.[column] ?? null;
    return value === null ? null : String(value);
  };
  // Converted, or from an ENUM column.
  const status = (valueOf('status') ?? 'OPEN') as TicketStatus;
  const opened = valueOf('opened_at') ?? now;
  const opens = isOpen(status);
  const given = columns.get('closed_at');
  const closed = given === undefined ? (opens ? null : (valueOf('closed_at') ?? valueOf('updated_at') ?? now)) : given;
  if (opens && closed !== null)
    return rejected(`closedAt: expected none, since the ticket is ${status}, got ${closed}`, FIELD);
  if (!opens && closed === null)
    return rejected(`closedAt: expected a time, since the ticket is ${status}, got none`, FIELD);
  if (closed !== null && closed < opened)
    return rejected(`closedAt: expected a time from ${opened}, when the ticket was opened, got ${closed}`, FIELD);
  const isKept = stored !== undefined && (stored['closed_at'] ?? null) === closed;
  const closing = [['closed_at', closed]] as const;
  return {
    ...one,
    columns: new Map([...columns, ...closing]),
    changed: isKept ? changed : new Map([...changed, ...closing]),
  };
}
