-- AlterTable
ALTER TABLE "catalog_state" ADD COLUMN     "peers_revision" BIGINT NOT NULL DEFAULT 0;

-- What everybody is told of a peer has changed. Whoever makes the table federation_peers anew makes these anew too.
-- Scripts are cut at their semicolons, so those inside a function are written as \x3B.
CREATE FUNCTION "move_peers_revision"() RETURNS trigger LANGUAGE plpgsql AS E'BEGIN
    UPDATE "catalog_state" SET "peers_revision" = "peers_revision" + 1 WHERE "id" = 1\x3B
    RETURN NULL\x3B
END';

CREATE TRIGGER "peers_shown_changed" AFTER UPDATE OF "peer_name", "status", "public_key", "thumbprint", "health", "last_success_at", "interval", "listing", "item_count", "skipped_count", "held_count", "remote_total", "in_sync", "agents", "cache_mode", "audience", "hidden_since" ON "federation_peers" FOR EACH ROW
    WHEN (OLD."peer_name" IS DISTINCT FROM NEW."peer_name"
        OR OLD."status" IS DISTINCT FROM NEW."status"
        OR OLD."public_key" IS DISTINCT FROM NEW."public_key"
        OR OLD."thumbprint" IS DISTINCT FROM NEW."thumbprint"
        OR OLD."health" IS DISTINCT FROM NEW."health"
        OR OLD."last_success_at" IS DISTINCT FROM NEW."last_success_at"
        OR OLD."interval" IS DISTINCT FROM NEW."interval"
        OR OLD."listing" IS DISTINCT FROM NEW."listing"
        OR OLD."item_count" IS DISTINCT FROM NEW."item_count"
        OR OLD."skipped_count" IS DISTINCT FROM NEW."skipped_count"
        OR OLD."held_count" IS DISTINCT FROM NEW."held_count"
        OR OLD."remote_total" IS DISTINCT FROM NEW."remote_total"
        OR OLD."in_sync" IS DISTINCT FROM NEW."in_sync"
        OR OLD."agents" IS DISTINCT FROM NEW."agents"
        OR OLD."cache_mode" IS DISTINCT FROM NEW."cache_mode"
        OR OLD."audience" IS DISTINCT FROM NEW."audience"
        OR OLD."hidden_since" IS DISTINCT FROM NEW."hidden_since")
    EXECUTE FUNCTION "move_peers_revision"();

CREATE TRIGGER "peers_added_or_deleted" AFTER INSERT OR DELETE ON "federation_peers" FOR EACH ROW
    EXECUTE FUNCTION "move_peers_revision"();

-- Who sees the items of a peer has changed, and so has the catalog.
CREATE FUNCTION "move_catalog_revision"() RETURNS trigger LANGUAGE plpgsql AS E'BEGIN
    UPDATE "catalog_state" SET "revision" = "revision" + 1 WHERE "id" = 1\x3B
    RETURN NULL\x3B
END';

CREATE TRIGGER "peers_seen_changed" AFTER UPDATE OF "status", "audience", "hidden_since" ON "federation_peers" FOR EACH ROW
    WHEN (OLD."status" IS DISTINCT FROM NEW."status"
        OR OLD."audience" IS DISTINCT FROM NEW."audience"
        OR OLD."hidden_since" IS DISTINCT FROM NEW."hidden_since")
    EXECUTE FUNCTION "move_catalog_revision"();
