-- Secrets that all gateways on a database share, each made by the first gateway that needs it.

-- CreateTable: `cursors` is the key that cursors are encrypted with.
CREATE TABLE `gateway_keys` (
    `name` VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    `value` VARBINARY(64) NOT NULL,
    `created_at` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),

    PRIMARY KEY (`name`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
