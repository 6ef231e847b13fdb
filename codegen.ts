import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: 'schema.graphql',
  generates: {
    'src/generated/graphql.ts': {
      plugins: ['typescript', 'typescript-resolvers'],
      config: {
        enumsAsTypes: true,
        immutableTypes: true,
        mapperTypeSuffix: 'Value',
        useTypeImports: true,
        contextType: '../crm/context.ts#Context',
        defaultScalarType: 'unknown',
        scalars: {
          ID: 'string',
          DateTime: 'string',
          Decimal: 'string',
          CurrencyCode: 'string',
          CountryCode: 'string',
          EmailAddress: 'string',
          PhoneNumber: 'string',
        },
        inputMaybeValue: 'T | null | undefined',
        // What a resolver of each type is called on.
        mappers: {
          Customer: '../crm/customer/table.ts#CustomerRow',
          CustomerConnection: '../crm/customer/table.ts#CustomerConnection',
          CustomerEdge: '../crm/customer/table.ts#CustomerEdge',
          Order: '../crm/order/table.ts#OrderRow',
          OrderConnection: '../crm/order/table.ts#OrderConnection',
          OrderEdge: '../crm/order/table.ts#OrderEdge',
          Product: '../crm/product/table.ts#ProductRow',
          ProductConnection: '../crm/product/table.ts#ProductConnection',
          ProductEdge: '../crm/product/table.ts#ProductEdge',
          Ticket: '../crm/ticket/table.ts#TicketRow',
          TicketConnection: '../crm/ticket/table.ts#TicketConnection',
          TicketEdge: '../crm/ticket/table.ts#TicketEdge',
          Interaction: '../crm/interaction/table.ts#InteractionRow',
          InteractionConnection: '../crm/interaction/table.ts#InteractionConnection',
          InteractionEdge: '../crm/interaction/table.ts#InteractionEdge',
          Agent: '../crm/agent/table.ts#AgentRow',
          AgentConnection: '../crm/agent/table.ts#AgentConnection',
          AgentEdge: '../crm/agent/table.ts#AgentEdge',
          Change: '../crm/customer/table.ts#ChangeRow',
          ChangeConnection: '../crm/customer/table.ts#ChangeConnection',
          ChangeEdge: '../crm/customer/table.ts#ChangeEdge',
          CustomerSummary: '../crm/customer/table.ts#CustomerSummaryRow',
          Address: '../crm/customer/table.ts#AddressRow',
          OrderItem: '../crm/order/table.ts#OrderItemRow',
          Node: '../crm/root.ts#NodeValue',
          PageInfo: '../connection/connection.ts#PageInfo',
          CreateCustomerPayload: '../crm/customer/commands.ts#CustomerPayload',
          UpdateCustomerPayload: '../crm/customer/commands.ts#CustomerPayload',
          LogInteractionPayload: '../crm/interaction/commands.ts#InteractionPayload',
        },
      },
    },
  },
};

export default config;
