-- API keys for the customers of one agent, and idempotency keys that are apart for each such agent.

-- AlterTable: the agent; null for all customers.
ALTER TABLE `api_keys` ADD COLUMN `owner_id` BIGINT NULL;

-- AlterTable: an agent's id besides the subject.
ALTER TABLE `idempotency_keys` MODIFY `actor` VARCHAR(255) COLLATE utf8mb4_bin NOT NULL;
