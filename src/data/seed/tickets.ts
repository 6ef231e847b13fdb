import { isOpen } from '../../crm/states.ts';
import type { InteractionKind, TicketPriority, TicketStatus } from '../../generated/prisma/enums.ts';
import { dateTimeLiteral, textLiteral } from '../sql-text.ts';
import type { RowWriter } from '../row-writer.ts';
import type { SeedCustomer } from './customers.ts';
import { DAY_MS, SEED_END_MS, type Block } from './plan.ts';
import { createWeightedWord, type Random } from './random.ts';

/** A customer's tickets, for their interactions and for `customer_stats`. */
interface TicketSummary {
  readonly openCount: number;
  readonly ticketIds: readonly number[];
}

const pickStatus = createWeightedWord<TicketStatus>({
  CLOSED: 60,
  RESOLVED: 15,
  OPEN: 15,
  PENDING: 10,
});
const pickPriority = createWeightedWord<TicketPriority>({
  NORMAL: 70,
  LOW: 14,
  HIGH: 12,
  URGENT: 4,
});
const pickKind = createWeightedWord<InteractionKind>({
  EMAIL: 35,
  CALL: 25,
  NOTE: 20,
  CHAT: 13,
  MEETING: 7,
});
const SUBJECTS = [
  'Invoice does not match the order',
  'Cannot sign in',
  'Where is my parcel?',
  'Wrong item delivered',
  'Refund request',
  'Lieferung beschädigt angekommen',
  "Question sur l'abonnement",
  '¿Cómo cambio la dirección de envío?',
  '発送状況の確認',
  '无法下载发票',
  '결제 오류 문의',
  'Не приходит письмо с подтверждением',
  'مشكلة في الدفع',
  'שאלה לגבי ההזמנה',
  'भुगतान विफल हुआ',
  'Feature request: export to CSV',
  'Πρόβλημα με την παράδοση',
  'Password reset loop',
] as const;
const BODIES = [
  'Called back, left a message.',
  'Very happy with the last delivery 🎉',
  'Asked for a quote for 200 pieces.',
  'Prefers e-mail in the morning ☕',
  'Sent the contract, waiting for a signature ✍️',
  'Met at the trade fair 🤝',
  'Rückruf am Freitag vereinbart 📞',
  'Client très intéressé par la nouvelle gamme ✨',
  'Pide descuento por volumen 💬',
  '来週もう一度電話する 📅',
  '客户要求延期付款 ⏳',
  '다음 주에 데모 예정 👍',
  'Перезвонить после праздников 🎄',
  'يفضل التواصل عبر البريد 📧',
  'לחזור אליו ביום ראשון 🗓️',
  'अगले महीने फिर बात करेंगे 🙏',
  "Didn't answer; it's the third time 😕",
  'Family of four 👨‍👩‍👧‍👦, moved to a larger flat 🏠',
  'Escalated to the second line 🚨',
] as const;

/** Adds a customer's tickets. */
export function addTickets(
  block: Block,
  writer: RowWriter,
  facts: { customer: SeedCustomer; agents: number; firstTicketId: number; count: number },
): TicketSummary {
  const { random } = block;
  const ticketIds: number[] = [];
  let openCount = 0;
  for (let place = 0; place < facts.count; place += 1) {
    const id = facts.firstTicketId + place;
    const status = pickStatus(random);
    const opens = isOpen(status);
    const openedMs = timeAfterMs(random, facts.customer.createdAtMs);
    const laterMs = Math.min(SEED_END_MS, openedMs + random.below(20 * DAY_MS));
    const assignee = random.chance(800) ? 1 + random.below(facts.agents) : 'NULL';
    writer.add(
      'tickets',
      'id,number,customer_id,assignee_id,subject,status,priority,opened_at,closed_at,updated_at',
      `${id},'T-${String(id).padStart(8, '0')}',${facts.customer.id},${assignee},${textLiteral(random.pick(SUBJECTS))},` +
        `'${status}','${pickPriority(random)}',${dateTimeLiteral(openedMs)},` +
        `${opens ? 'NULL' : dateTimeLiteral(laterMs)},${dateTimeLiteral(laterMs)}`,
    );
    ticketIds.push(id);
    if (opens) openCount += 1;
  }
  return { openCount, ticketIds };
}

/** Adds a customer's interactions, a third of them on one of its tickets if it has any. */
export function addInteractions(
  block: Block,
  writer: RowWriter,
  facts: { customer: SeedCustomer; tickets: TicketSummary; agents: number; firstInteractionId: number; count: number },
): void {
  const { random } = block;
  for (let place = 0; place < facts.count; place += 1) {
    const { ticketIds } = facts.tickets;
    const ticketId = ticketIds.length > 0 && random.chance(330) ? random.pick(ticketIds) : 'NULL';
    const agentId = facts.customer.ownerId ?? (random.chance(500) ? 1 + random.below(facts.agents) : 'NULL');
    writer.add(
      'interactions',
      'id,customer_id,ticket_id,agent_id,kind,body,occurred_at',
      `${facts.firstInteractionId + place},${facts.customer.id},${ticketId},${agentId},'${pickKind(random)}',` +
        `${textLiteral(random.pick(BODIES))},${dateTimeLiteral(timeAfterMs(random, facts.customer.createdAtMs))}`,
    );
  }
}

function timeAfterMs(random: Random, sinceMs: number): number {
  const part = random.fraction();
  const ms = sinceMs + Math.floor(part * part * (SEED_END_MS - sinceMs));
  return ms - (ms % 1_000);
}
