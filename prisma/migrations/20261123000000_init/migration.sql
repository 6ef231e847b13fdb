-- Text collations: names and tags compare without case and accents (utf8mb4_unicode_520_ci is the newest collation
-- that MySQL and MariaDB share and that tells emoji apart); keys, emails and phones compare byte by byte.
-- No foreign keys: sharded engines have none across shards, and cascades leave no row events in the binary log.
-- Commands lock the customer's row first and delete children in the same transaction.

-- CreateTable
CREATE TABLE `agents` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `external_id` VARCHAR(64) COLLATE utf8mb4_bin NULL,
    `name` VARCHAR(200) NOT NULL,
    `email` VARCHAR(254) COLLATE utf8mb4_bin NULL,
    `created_at` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    `updated_at` DATETIME(3) NOT NULL,

    UNIQUE INDEX `agents_external_id_key`(`external_id`),
    INDEX `agents_name_id_idx`(`name`, `id`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- CreateTable
CREATE TABLE `customers` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `external_id` VARCHAR(64) COLLATE utf8mb4_bin NULL,
    `name` VARCHAR(200) NOT NULL,
    `email` VARCHAR(254) COLLATE utf8mb4_bin NULL,
    `phone` VARCHAR(16) COLLATE utf8mb4_bin NULL,
    `company` VARCHAR(200) NULL,
    `status` ENUM('LEAD', 'ACTIVE', 'INACTIVE', 'CHURNED') NOT NULL DEFAULT 'LEAD',
    `owner_id` BIGINT NULL,
    `created_at` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    `updated_at` DATETIME(3) NOT NULL,
    `version` INTEGER NOT NULL DEFAULT 1,

    UNIQUE INDEX `customers_external_id_key`(`external_id`),
    UNIQUE INDEX `customers_email_key`(`email`),
    INDEX `customers_created_at_id_idx`(`created_at`, `id`),
    INDEX `customers_updated_at_id_idx`(`updated_at`, `id`),
    INDEX `customers_name_id_idx`(`name`, `id`),
    INDEX `customers_status_created_at_id_idx`(`status`, `created_at`, `id`),
    INDEX `customers_status_updated_at_id_idx`(`status`, `updated_at`, `id`),
    INDEX `customers_status_name_id_idx`(`status`, `name`, `id`),
    INDEX `customers_owner_id_created_at_id_idx`(`owner_id`, `created_at`, `id`),
    INDEX `customers_owner_id_updated_at_id_idx`(`owner_id`, `updated_at`, `id`),
    INDEX `customers_owner_id_name_id_idx`(`owner_id`, `name`, `id`),
    INDEX `customers_owner_id_status_created_at_id_idx`(`owner_id`, `status`, `created_at`, `id`),
    INDEX `customers_owner_id_status_updated_at_id_idx`(`owner_id`, `status`, `updated_at`, `id`),
    INDEX `customers_owner_id_status_name_id_idx`(`owner_id`, `status`, `name`, `id`),
    INDEX `customers_phone_id_idx`(`phone`, `id`),
    INDEX `customers_phone_created_at_id_idx`(`phone`, `created_at`, `id`),
    INDEX `customers_phone_updated_at_id_idx`(`phone`, `updated_at`, `id`),
    INDEX `customers_phone_name_id_idx`(`phone`, `name`, `id`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- CreateTable: the customer's sort columns are repeated here, so that a page of one tag is read from one index.
CREATE TABLE `customer_tags` (
    `customer_id` BIGINT NOT NULL,
    `tag` VARCHAR(50) NOT NULL,
    `created_at` DATETIME(3) NOT NULL,
    `updated_at` DATETIME(3) NOT NULL,
    `name` VARCHAR(200) NOT NULL,

    INDEX `customer_tags_tag_created_at_customer_id_idx`(`tag`, `created_at`, `customer_id`),
    INDEX `customer_tags_tag_updated_at_customer_id_idx`(`tag`, `updated_at`, `customer_id`),
    INDEX `customer_tags_tag_name_customer_id_idx`(`tag`, `name`, `customer_id`),
    PRIMARY KEY (`customer_id`, `tag`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- CreateTable
CREATE TABLE `customer_addresses` (
    `customer_id` BIGINT NOT NULL,
    `position` SMALLINT NOT NULL,
    `label` VARCHAR(50) NULL,
    `line1` VARCHAR(200) NOT NULL,
    `line2` VARCHAR(200) NULL,
    `city` VARCHAR(100) NULL,
    `region` VARCHAR(100) NULL,
    `postal_code` VARCHAR(20) NULL,
    `country` CHAR(2) COLLATE utf8mb4_bin NULL,

    PRIMARY KEY (`customer_id`, `position`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- CreateTable: kept in step with orders and tickets in the transaction that writes them.
CREATE TABLE `customer_stats` (
    `customer_id` BIGINT NOT NULL,
    `order_count` INTEGER NOT NULL DEFAULT 0,
    `open_ticket_count` INTEGER NOT NULL DEFAULT 0,
    `last_order_at` DATETIME(3) NULL,

    PRIMARY KEY (`customer_id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- CreateTable: one row for each currency a customer has bought in; cancelled and refunded orders do not count.
CREATE TABLE `customer_values` (
    `customer_id` BIGINT NOT NULL,
    `currency` CHAR(3) COLLATE utf8mb4_bin NOT NULL,
    `amount` DECIMAL(19, 4) NOT NULL,

    PRIMARY KEY (`customer_id`, `currency`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- CreateTable: `changes` is a JSON array of {field, before, after}; kept as text because MariaDB has no JSON type.
CREATE TABLE `customer_changes` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `customer_id` BIGINT NOT NULL,
    `version` INTEGER NOT NULL,
    `action` VARCHAR(32) COLLATE utf8mb4_bin NOT NULL,
    `actor` VARCHAR(200) NULL,
    `changes` MEDIUMTEXT NOT NULL,
    `occurred_at` DATETIME(3) NOT NULL,

    INDEX `customer_changes_customer_id_occurred_at_id_idx`(`customer_id`, `occurred_at`, `id`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- CreateTable
CREATE TABLE `products` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `sku` VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    `name` VARCHAR(200) NOT NULL,
    `price` DECIMAL(19, 4) NOT NULL,
    `currency` CHAR(3) COLLATE utf8mb4_bin NOT NULL,
    `created_at` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    `updated_at` DATETIME(3) NOT NULL,

    UNIQUE INDEX `products_sku_key`(`sku`),
    INDEX `products_name_id_idx`(`name`, `id`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- CreateTable
CREATE TABLE `orders` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `number` VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    `customer_id` BIGINT NOT NULL,
    `status` ENUM('PENDING', 'PAID', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'REFUNDED') NOT NULL DEFAULT 'PENDING',
    `currency` CHAR(3) COLLATE utf8mb4_bin NOT NULL,
    `total` DECIMAL(19, 4) NOT NULL,
    `placed_at` DATETIME(3) NOT NULL,
    `updated_at` DATETIME(3) NOT NULL,

    UNIQUE INDEX `orders_number_key`(`number`),
    INDEX `orders_placed_at_id_idx`(`placed_at`, `id`),
    INDEX `orders_updated_at_id_idx`(`updated_at`, `id`),
    INDEX `orders_status_placed_at_id_idx`(`status`, `placed_at`, `id`),
    INDEX `orders_status_updated_at_id_idx`(`status`, `updated_at`, `id`),
    INDEX `orders_customer_id_placed_at_id_idx`(`customer_id`, `placed_at`, `id`),
    INDEX `orders_customer_id_updated_at_id_idx`(`customer_id`, `updated_at`, `id`),
    INDEX `orders_customer_id_status_placed_at_id_idx`(`customer_id`, `status`, `placed_at`, `id`),
    INDEX `orders_customer_id_status_updated_at_id_idx`(`customer_id`, `status`, `updated_at`, `id`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- CreateTable: `discount` is a fraction (0.05 is 5 %); `total` is in the order's currency, rounded to its smallest unit.
CREATE TABLE `order_items` (
    `order_id` BIGINT NOT NULL,
    `position` SMALLINT NOT NULL,
    `product_id` BIGINT NOT NULL,
    `quantity` INTEGER NOT NULL,
    `unit_price` DECIMAL(19, 4) NOT NULL,
    `discount` DECIMAL(5, 4) NOT NULL DEFAULT 0,
    `total` DECIMAL(19, 4) NOT NULL,

    INDEX `order_items_product_id_idx`(`product_id`),
    PRIMARY KEY (`order_id`, `position`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- CreateTable
CREATE TABLE `tickets` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `number` VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,
    `customer_id` BIGINT NOT NULL,
    `assignee_id` BIGINT NULL,
    `subject` VARCHAR(300) NOT NULL,
    `status` ENUM('OPEN', 'PENDING', 'RESOLVED', 'CLOSED') NOT NULL DEFAULT 'OPEN',
    `priority` ENUM('LOW', 'NORMAL', 'HIGH', 'URGENT') NOT NULL DEFAULT 'NORMAL',
    `opened_at` DATETIME(3) NOT NULL,
    `closed_at` DATETIME(3) NULL,
    `updated_at` DATETIME(3) NOT NULL,

    UNIQUE INDEX `tickets_number_key`(`number`),
    INDEX `tickets_opened_at_id_idx`(`opened_at`, `id`),
    INDEX `tickets_updated_at_id_idx`(`updated_at`, `id`),
    INDEX `tickets_closed_at_id_idx`(`closed_at`, `id`),
    INDEX `tickets_status_opened_at_id_idx`(`status`, `opened_at`, `id`),
    INDEX `tickets_status_updated_at_id_idx`(`status`, `updated_at`, `id`),
    INDEX `tickets_priority_opened_at_id_idx`(`priority`, `opened_at`, `id`),
    INDEX `tickets_priority_updated_at_id_idx`(`priority`, `updated_at`, `id`),
    INDEX `tickets_customer_id_opened_at_id_idx`(`customer_id`, `opened_at`, `id`),
    INDEX `tickets_customer_id_updated_at_id_idx`(`customer_id`, `updated_at`, `id`),
    INDEX `tickets_customer_id_closed_at_id_idx`(`customer_id`, `closed_at`, `id`),
    INDEX `tickets_customer_id_status_opened_at_id_idx`(`customer_id`, `status`, `opened_at`, `id`),
    INDEX `tickets_customer_id_status_updated_at_id_idx`(`customer_id`, `status`, `updated_at`, `id`),
    INDEX `tickets_customer_id_priority_opened_at_id_idx`(`customer_id`, `priority`, `opened_at`, `id`),
    INDEX `tickets_customer_id_priority_updated_at_id_idx`(`customer_id`, `priority`, `updated_at`, `id`),
    INDEX `tickets_assignee_id_opened_at_id_idx`(`assignee_id`, `opened_at`, `id`),
    INDEX `tickets_assignee_id_updated_at_id_idx`(`assignee_id`, `updated_at`, `id`),
    INDEX `tickets_assignee_id_closed_at_id_idx`(`assignee_id`, `closed_at`, `id`),
    INDEX `tickets_assignee_id_status_opened_at_id_idx`(`assignee_id`, `status`, `opened_at`, `id`),
    INDEX `tickets_assignee_id_status_updated_at_id_idx`(`assignee_id`, `status`, `updated_at`, `id`),
    INDEX `tickets_assignee_id_priority_opened_at_id_idx`(`assignee_id`, `priority`, `opened_at`, `id`),
    INDEX `tickets_assignee_id_priority_updated_at_id_idx`(`assignee_id`, `priority`, `updated_at`, `id`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- CreateTable
CREATE TABLE `interactions` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `external_id` VARCHAR(64) COLLATE utf8mb4_bin NULL,
    `customer_id` BIGINT NOT NULL,
    `ticket_id` BIGINT NULL,
    `agent_id` BIGINT NULL,
    `kind` ENUM('CALL', 'EMAIL', 'CHAT', 'MEETING', 'NOTE') NOT NULL,
    `body` TEXT NOT NULL,
    `occurred_at` DATETIME(3) NOT NULL,

    UNIQUE INDEX `interactions_external_id_key`(`external_id`),
    INDEX `interactions_customer_id_occurred_at_id_idx`(`customer_id`, `occurred_at`, `id`),
    INDEX `interactions_customer_id_kind_occurred_at_id_idx`(`customer_id`, `kind`, `occurred_at`, `id`),
    INDEX `interactions_ticket_id_occurred_at_id_idx`(`ticket_id`, `occurred_at`, `id`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
