# The gateway's image: its sources and the packages that they need at run time, without build tools.
# Needs DATABASE_URL and a way to authenticate (docs/access.md), or NODE_ENV=development.

FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Without install scripts: the only one that matters installs Node.js, which the image already has.
RUN npm ci --ignore-scripts
COPY prisma.config.ts ./
COPY prisma/ prisma/
# prisma.config.ts imports it.
COPY src/tls.ts src/
# A development dependency generates Prisma's client; Prisma's optional peers are not needed at run time either.
RUN node node_modules/prisma/build/index.js generate \
 && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:26-slim
WORKDIR /app
# So that nobody starts it without authentication by mistake.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000
COPY --from=build /app/node_modules/ node_modules/
COPY package.json schema.graphql ./
COPY prisma/migrations/ prisma/migrations/
COPY import/ import/
COPY src/ src/
COPY --from=build /app/src/generated/ src/generated/
# The image's unprivileged user, who cannot write to any of the above.
USER node
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["sh", "src/run.sh", "start"]
