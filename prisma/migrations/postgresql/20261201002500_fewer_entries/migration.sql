-- Only what is shared has a number in the feed, and only what is wanted waits for a thumbnail: nothing else needs an entry.
DROP INDEX "items_sequence_key";
CREATE UNIQUE INDEX "items_sequence_key" ON "items"("sequence") WHERE "sequence" IS NOT NULL;
DROP INDEX "items_thumb_state_thumb_next_at_idx";
CREATE INDEX "items_thumb_wanted_idx" ON "items"("source", "thumb_next_at", "key") WHERE "thumb_state" = 1;
