-- Written by hand: Prisma would make the table anew.
ALTER TABLE "catalog_state" ADD COLUMN "peers_revision" BIGINT NOT NULL DEFAULT 0;

-- What everybody is told of a peer has changed. Whoever makes the table federation_peers anew makes these anew too.
CREATE TRIGGER "peers_shown_changed" AFTER UPDATE OF "peer_name", "status", "public_key", "thumbprint", "health", "last_success_at", "interval", "listing", "item_count", "skipped_count", "held_count", "remote_total", "in_sync", "agents", "cache_mode", "audience", "hidden_since" ON "federation_peers" WHEN OLD."peer_name" IS NOT NEW."peer_name"
    OR OLD."status" IS NOT NEW."status"
    OR OLD."public_key" IS NOT NEW."public_key"
    OR OLD."thumbprint" IS NOT NEW."thumbprint"
    OR OLD."health" IS NOT NEW."health"
    OR OLD."last_success_at" IS NOT NEW."last_success_at"
    OR OLD."interval" IS NOT NEW."interval"
    OR OLD."listing" IS NOT NEW."listing"
    OR OLD."item_count" IS NOT NEW."item_count"
    OR OLD."skipped_count" IS NOT NEW."skipped_count"
    OR OLD."held_count" IS NOT NEW."held_count"
    OR OLD."remote_total" IS NOT NEW."remote_total"
    OR OLD."in_sync" IS NOT NEW."in_sync"
    OR OLD."agents" IS NOT NEW."agents"
    OR OLD."cache_mode" IS NOT NEW."cache_mode"
    OR OLD."audience" IS NOT NEW."audience"
    OR OLD."hidden_since" IS NOT NEW."hidden_since"
BEGIN
    UPDATE "catalog_state" SET "peers_revision" = "peers_revision" + 1 WHERE "id" = 1;
END;

CREATE TRIGGER "peers_added" AFTER INSERT ON "federation_peers"
BEGIN
    UPDATE "catalog_state" SET "peers_revision" = "peers_revision" + 1 WHERE "id" = 1;
END;

CREATE TRIGGER "peers_deleted" AFTER DELETE ON "federation_peers"
BEGIN
    UPDATE "catalog_state" SET "peers_revision" = "peers_revision" + 1 WHERE "id" = 1;
END;

-- Who sees the items of a peer has changed, and so has the catalog.
CREATE TRIGGER "peers_seen_changed" AFTER UPDATE OF "status", "audience", "hidden_since" ON "federation_peers" WHEN OLD."status" IS NOT NEW."status"
    OR OLD."audience" IS NOT NEW."audience"
    OR OLD."hidden_since" IS NOT NEW."hidden_since"
BEGIN
    UPDATE "catalog_state" SET "revision" = "revision" + 1 WHERE "id" = 1;
END;
