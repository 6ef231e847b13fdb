-- The customer's owner is repeated beside its sort columns, so that a page of one agent's customers with one tag is read
-- from one index: so are all pages by tag of a caller who sees one agent's customers alone.

-- AlterTable
ALTER TABLE `customer_tags` ADD COLUMN `owner_id` BIGINT NULL;

UPDATE `customer_tags` AS `k` JOIN `customers` AS `c` ON `c`.`id` = `k`.`customer_id` SET `k`.`owner_id` = `c`.`owner_id`;

-- CreateIndex
CREATE INDEX `customer_tags_owner_id_tag_created_at_customer_id_idx` ON `customer_tags`(`owner_id`, `tag`, `created_at`, `customer_id`);

-- CreateIndex
CREATE INDEX `customer_tags_owner_id_tag_updated_at_customer_id_idx` ON `customer_tags`(`owner_id`, `tag`, `updated_at`, `customer_id`);

-- CreateIndex
CREATE INDEX `customer_tags_owner_id_tag_name_customer_id_idx` ON `customer_tags`(`owner_id`, `tag`, `name`, `customer_id`);
