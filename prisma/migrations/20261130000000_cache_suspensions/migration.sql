-- Gateways that cannot tell Redis of what they have written. While there is one, the others use no cached responses.

-- CreateTable: normally empty. `renewed_at` is the server's time, in UTC.
CREATE TABLE `cache_suspensions` (
    `gateway` VARCHAR(36) COLLATE utf8mb4_bin NOT NULL,
    `renewed_at` DATETIME(3) NOT NULL,

    PRIMARY KEY (`gateway`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
