-- What searchCustomers finds: the parts of customers' names and telephone numbers, by which an index leads to any part of them.

-- CreateTable: `kind` is 0 at the start of a name, 1 at the start of another word, 2 within a word, 3 within a telephone number.
CREATE TABLE `customer_search_terms` (
    `customer_id` BIGINT NOT NULL,
    `term` VARCHAR(100) NOT NULL,
    `kind` SMALLINT NOT NULL,

    INDEX `customer_search_terms_kind_term_customer_id_idx`(`kind`, `term`, `customer_id`),
    PRIMARY KEY (`customer_id`, `term`, `kind`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- The parts of the customers that are already there.
INSERT INTO customer_search_terms (customer_id, term, kind)
SELECT DISTINCT c.id AS customer_id, SUBSTRING(c.name, p.n, 100) AS term, CASE
    WHEN p.n = 1 THEN 0
    WHEN SUBSTRING(c.name, p.n - 1, 1) COLLATE utf8mb4_bin IN (' ', '-', '–', '/', '.', ',', ';', ':', '&', '+', '_', '(', ')', '''', '’', '"', ' ', '　', '・', '·', '＆')
      THEN 1
    ELSE 2 END AS kind
FROM customers AS c FORCE INDEX (PRIMARY) STRAIGHT_JOIN (SELECT a.d + 10 * b.d + 100 * c.d + 1 AS n
FROM (SELECT 0 AS d UNION ALL SELECT 1 AS d UNION ALL SELECT 2 AS d UNION ALL SELECT 3 AS d UNION ALL SELECT 4 AS d UNION ALL SELECT 5 AS d UNION ALL SELECT 6 AS d UNION ALL SELECT 7 AS d UNION ALL SELECT 8 AS d UNION ALL SELECT 9 AS d) AS a CROSS JOIN (SELECT 0 AS d UNION ALL SELECT 1 AS d UNION ALL SELECT 2 AS d UNION ALL SELECT 3 AS d UNION ALL SELECT 4 AS d UNION ALL SELECT 5 AS d UNION ALL SELECT 6 AS d UNION ALL SELECT 7 AS d UNION ALL SELECT 8 AS d UNION ALL SELECT 9 AS d) AS b CROSS JOIN (SELECT 0 AS d UNION ALL SELECT 1) AS c) AS p ON p.n <= CHAR_LENGTH(c.name)
WHERE SUBSTRING(c.name, p.n, 1) <> ''
UNION ALL
SELECT c.id, SUBSTRING(c.phone, p.n) COLLATE utf8mb4_unicode_520_ci, 3
FROM customers AS c FORCE INDEX (PRIMARY) STRAIGHT_JOIN (SELECT a.d + 10 * b.d + 100 * c.d + 1 AS n
FROM (SELECT 0 AS d UNION ALL SELECT 1 AS d UNION ALL SELECT 2 AS d UNION ALL SELECT 3 AS d UNION ALL SELECT 4 AS d UNION ALL SELECT 5 AS d UNION ALL SELECT 6 AS d UNION ALL SELECT 7 AS d UNION ALL SELECT 8 AS d UNION ALL SELECT 9 AS d) AS a CROSS JOIN (SELECT 0 AS d UNION ALL SELECT 1 AS d UNION ALL SELECT 2 AS d UNION ALL SELECT 3 AS d UNION ALL SELECT 4 AS d UNION ALL SELECT 5 AS d UNION ALL SELECT 6 AS d UNION ALL SELECT 7 AS d UNION ALL SELECT 8 AS d UNION ALL SELECT 9 AS d) AS b CROSS JOIN (SELECT 0 AS d UNION ALL SELECT 1) AS c) AS p ON p.n BETWEEN 3 AND CHAR_LENGTH(c.phone) - 3
ORDER BY customer_id, term, kind;
