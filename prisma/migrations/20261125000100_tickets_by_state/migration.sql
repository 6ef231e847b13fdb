-- Lists of tickets by state and urgency together, and by either in the order of closing, are pages of one index too:
-- without these, the queue of urgent open tickets read every open one. Measured on MariaDB 10.11 (2026-11-25, AMD EPYC,
-- 2 cores, 24 GB): an UPDATE of one ticket takes 0.45 ms in place of 0.35.

-- CreateIndex
CREATE INDEX `tickets_status_closed_at_id_idx` ON `tickets`(`status`, `closed_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_status_priority_opened_at_id_idx` ON `tickets`(`status`, `priority`, `opened_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_status_priority_updated_at_id_idx` ON `tickets`(`status`, `priority`, `updated_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_status_priority_closed_at_id_idx` ON `tickets`(`status`, `priority`, `closed_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_priority_closed_at_id_idx` ON `tickets`(`priority`, `closed_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_customer_id_status_closed_at_id_idx` ON `tickets`(`customer_id`, `status`, `closed_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_customer_id_status_priority_opened_at_id_idx` ON `tickets`(`customer_id`, `status`, `priority`, `opened_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_customer_id_status_priority_updated_at_id_idx` ON `tickets`(`customer_id`, `status`, `priority`, `updated_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_customer_id_status_priority_closed_at_id_idx` ON `tickets`(`customer_id`, `status`, `priority`, `closed_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_customer_id_priority_closed_at_id_idx` ON `tickets`(`customer_id`, `priority`, `closed_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_assignee_id_status_closed_at_id_idx` ON `tickets`(`assignee_id`, `status`, `closed_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_assignee_id_status_priority_opened_at_id_idx` ON `tickets`(`assignee_id`, `status`, `priority`, `opened_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_assignee_id_status_priority_updated_at_id_idx` ON `tickets`(`assignee_id`, `status`, `priority`, `updated_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_assignee_id_status_priority_closed_at_id_idx` ON `tickets`(`assignee_id`, `status`, `priority`, `closed_at`, `id`);

-- CreateIndex
CREATE INDEX `tickets_assignee_id_priority_closed_at_id_idx` ON `tickets`(`assignee_id`, `priority`, `closed_at`, `id`);
