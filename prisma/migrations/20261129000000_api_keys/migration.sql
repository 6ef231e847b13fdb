-- API keys for machines, which bearer tokens need no issuer for.

-- CreateTable: `secret_hash` is the SHA-256 of the key in hexadecimal digits; the key itself is stored nowhere.
CREATE TABLE `api_keys` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `name` VARCHAR(100) NOT NULL,
    `secret_hash` VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    `scopes` VARCHAR(200) NOT NULL,
    `created_at` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    `expires_at` DATETIME(3) NOT NULL,
    `revoked_at` DATETIME(3) NULL,

    UNIQUE INDEX `api_keys_secret_hash_key`(`secret_hash`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
