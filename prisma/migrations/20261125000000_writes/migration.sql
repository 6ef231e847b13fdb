-- What trusted writes need: versions of what is updated, keys that repeat an answer, and where merged customers went.

-- AlterTable
ALTER TABLE `orders` ADD COLUMN `version` INTEGER NOT NULL DEFAULT 1;

-- AlterTable
ALTER TABLE `tickets` ADD COLUMN `version` INTEGER NOT NULL DEFAULT 1;

-- AlterTable: null is the customer itself, as for every row that is there already.
ALTER TABLE `customer_changes` ADD COLUMN `subject_type` VARCHAR(32) COLLATE utf8mb4_bin NULL,
    ADD COLUMN `subject_id` BIGINT NULL;

-- CreateTable: whoever calls, a key is theirs alone. `answer` is null until the write that took the key has its answer.
CREATE TABLE `idempotency_keys` (
    `actor` VARCHAR(200) COLLATE utf8mb4_bin NOT NULL,
    `idempotency_key` VARCHAR(255) COLLATE utf8mb4_bin NOT NULL,
    `mutation` VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    `input_hash` CHAR(43) COLLATE utf8mb4_bin NOT NULL,
    `answer` MEDIUMTEXT NULL,
    `created_at` DATETIME(3) NOT NULL,

    INDEX `idempotency_keys_created_at_idx`(`created_at`),
    PRIMARY KEY (`actor`, `idempotency_key`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- CreateTable: a merged customer's row is gone; its ids lead to the one that it went into, never by way of a third.
CREATE TABLE `customer_merges` (
    `merged_id` BIGINT NOT NULL,
    `kept_id` BIGINT NOT NULL,
    `external_id` VARCHAR(64) COLLATE utf8mb4_bin NULL,
    `merged_at` DATETIME(3) NOT NULL,

    UNIQUE INDEX `customer_merges_external_id_key`(`external_id`),
    INDEX `customer_merges_kept_id_idx`(`kept_id`),
    PRIMARY KEY (`merged_id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
