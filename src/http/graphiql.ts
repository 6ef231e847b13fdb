import { renderGraphiQL as renderBundledGraphiQL } from '@graphql-yoga/render-graphiql';
import type { GraphiQLOptions } from 'graphql-yoga';

const TABS = [
  `# Who are the newest customers, and what did they order last?
# Press the play button, or Ctrl-Enter. Ctrl-Space completes; the book on the left explains every field.
query NewestCustomers {
  customers(first: 5) {
    totalCount
    nodes {
      name
      company
      status
      tags
      owner { name }
      orders(first: 3) {
        nodes { number status total { amount currency } placedAt }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
  `# A support call: find the caller by the start of the name, the email or the digits of the phone.
query SupportCall {
  searchCustomers(text: "Ma", first: 5) {
    nodes {
      id
      name
      email
      phone
      summary { orderCount openTicketCount lastOrderAt lifetimeValue { amount currency } }
      tickets(first: 3, filter: { status: [OPEN, PENDING] }) {
        nodes { number subject priority openedAt }
      }
      interactions(first: 3) {
        nodes { kind body occurredAt agent { name } }
      }
    }
  }
}
`,
  `# The queue of urgent tickets, four levels deep: still one SQL statement a level.
query UrgentTickets {
  tickets(first: 10, filter: { status: [OPEN], priority: [HIGH, URGENT] }, orderBy: { field: OPENED_AT, direction: ASC }) {
    totalCount
    edges {
      cursor
      node {
        number
        subject
        priority
        assignee { name }
        customer {
          name
          orders(first: 1) {
            nodes { number items { quantity product { name price { amount currency } } } }
          }
        }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
  `# What a refused question looks like: pages have at most 100 entries.
query TooMuch {
  customers(first: 1000000) {
    nodes { name }
  }
}
`,
];

/** What GraphiQL opens with: a few queries that show what the schema can answer. */
export const graphiqlOptions: GraphiQLOptions = {
  title: 'Concierge',
  defaultTabs: TABS.map((query) => ({ query })),
  shouldPersistHeaders: false,
  defaultEditorToolsVisibility: false,
};

/** GraphiQL's page with everything in it: no request goes to any other host. */
export const renderGraphiQL = (options: GraphiQLOptions): string => renderBundledGraphiQL(options);
