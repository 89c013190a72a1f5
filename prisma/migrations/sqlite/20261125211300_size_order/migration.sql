-- What the order by size compares (src/catalog/query.ts): a size that is not known comes before all others. SQLite begins at
-- a cursor along an index over columns, not along one over expressions.
DROP INDEX "items_byte_size_id_idx";
ALTER TABLE "items" ADD COLUMN "size_order" BIGINT GENERATED ALWAYS AS (COALESCE("byte_size", -1)) VIRTUAL;
CREATE INDEX "items_size_order_id_idx" ON "items"("size_order", "id");
