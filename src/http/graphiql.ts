import type { GraphiQLOptions } from 'graphql-yoga';

/** GraphiQL's initial tabs, with comments short enough for a narrow window. Each runs unchanged; the last one shows a refusal. */
export const EXAMPLES = [
  `# The newest customers, and
# what they ordered last.
#
# Run it: play, Ctrl-Enter.
# Ctrl-Space completes; the
# book on the left explains.
query NewestCustomers {
  customers(first: 5) {
    totalCount
    nodes {
      name
      company
      status
      tags
      owner {
        name
      }
      orders(first: 3) {
        nodes {
          number
          status
          placedAt
          total {
            amount
            currency
          }
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  `# A support call: find the
# caller by the start of the
# name, of the email, or by
# the digits of the phone.
query SupportCall {
  searchCustomers(text: "Li", first: 5) {
    nodes {
      id
      name
      email
      phone
      summary {
        orderCount
        openTicketCount
        lastOrderAt
        lifetimeValue {
          amount
          currency
        }
      }
      tickets(
        first: 3
        filter: { status: [OPEN, PENDING] }
      ) {
        nodes {
          number
          subject
          priority
          openedAt
        }
      }
      interactions(first: 3) {
        nodes {
          kind
          body
          occurredAt
          agent {
            name
          }
        }
      }
    }
  }
}
`,
  `# The queue of urgent
# tickets, oldest first,
# four levels deep: one SQL
# statement a level, however
# many tickets.
query UrgentTickets {
  tickets(
    first: 10
    filter: { status: [OPEN], priority: [URGENT] }
    orderBy: { field: OPENED_AT, direction: ASC }
  ) {
    totalCount
    edges {
      cursor
      node {
        number
        subject
        priority
        assignee {
          name
        }
        customer {
          name
          orders(first: 1) {
            nodes {
              number
              items {
                quantity
                product {
                  name
                }
              }
            }
          }
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  `# Page by page: run it, open
# Variables below, put
# endCursor there in place
# of null, and run it again.
# The last page has
# hasNextPage: false.
query NextPage($after: String) {
  orders(first: 20, after: $after) {
    nodes {
      number
      status
      placedAt
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  `# A write. Run it twice: the
# second time, userErrors
# tell that the email is
# taken.
mutation NewCustomer {
  createCustomer(
    input: {
      name: "Ada Lovelace"
      email: "ada@example.com"
      phone: { number: "030 123456", country: "DE" }
      tags: ["vip"]
    }
  ) {
    customer {
      id
      name
      phone
      version
    }
    userErrors {
      code
      message
      path
    }
  }
}
`,
  `# What a refused query looks
# like: a page has at most
# 100 entries.
query TooMuch {
  customers(first: 1000000) {
    nodes {
      name
    }
  }
}
`,
] as const;

// A reception bell. Inlined, like everything else in the page.
const BELL = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="26" height="26" fill="#d60590"><circle cx="12" cy="4.6" r="1.6"/><path d="M3 16a9 9 0 0 1 18 0z"/><rect x="1.5" y="17.5" width="21" height="2.5" rx="1.2"/></svg>`;

/** GraphiQL's initial settings. */
export const graphiqlOptions: GraphiQLOptions = {
  title: 'Concierge',
  logo: BELL,
  favicon: `data:image/svg+xml,${encodeURIComponent(BELL)}`,
  defaultTabs: EXAMPLES.map((query) =>
    query.includes('$after') ? { query, variables: '{ "after": null }' } : { query },
  ),
  shouldPersistHeaders: false,
  defaultEditorToolsVisibility: false,
};
