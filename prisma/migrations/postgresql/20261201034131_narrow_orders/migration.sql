-- What breaks the tie of two items is their key: an entry of an order is then a quarter as long as with the id.
DROP INDEX "items_timeline_at_id_idx";
DROP INDEX "items_added_at_id_idx";
DROP INDEX "items_updated_at_id_idx";
DROP INDEX "items_title_key_id_idx";
DROP INDEX "items_source_timeline_at_id_idx";
CREATE INDEX "items_timeline_at_key_idx" ON "items"("timeline_at", "key");
CREATE INDEX "items_added_at_key_idx" ON "items"("added_at", "key");
CREATE INDEX "items_updated_at_key_idx" ON "items"("updated_at", "key");
CREATE INDEX "items_title_key_key_idx" ON "items"("title_key", "key");
CREATE INDEX "items_source_timeline_at_key_idx" ON "items"("source", "timeline_at", "key");
DROP INDEX "items_size_order_id_idx";
CREATE INDEX "items_size_order_key_idx" ON "items"("size_order", "key");
