-- What changed since a revision is read by it.
CREATE INDEX "items_revision_idx" ON "items"("revision");

CREATE TABLE "departures" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "revision" BIGINT NOT NULL DEFAULT 0,
    "item_id" TEXT,
    "source" INTEGER NOT NULL,
    "visibility" INTEGER NOT NULL,
    "owner_id" TEXT
);
CREATE INDEX "departures_revision_idx" ON "departures"("revision");

-- Who saw it cannot be asked afterwards. Whoever makes the table items anew makes these anew too.
CREATE TRIGGER "items_deleted" AFTER DELETE ON "items"
BEGIN
    INSERT INTO "departures" ("item_id", "source", "visibility", "owner_id")
    VALUES (OLD."id", OLD."source", OLD."visibility", OLD."owner_id");
END;

CREATE TRIGGER "items_seen_changed" AFTER UPDATE OF "source", "visibility", "owner_id" ON "items" WHEN OLD."source" IS NOT NEW."source"
    OR OLD."visibility" IS NOT NEW."visibility"
    OR OLD."owner_id" IS NOT NEW."owner_id"
BEGIN
    INSERT INTO "departures" ("item_id", "source", "visibility", "owner_id")
    VALUES (OLD."id", OLD."source", OLD."visibility", OLD."owner_id");
END;

-- Who sees all items of a peer has changed: the revision moves, and whoever follows the catalog reads it anew.
DROP TRIGGER "peers_seen_changed";
CREATE TRIGGER "peers_seen_changed" AFTER UPDATE OF "status", "audience", "hidden_since" ON "federation_peers" WHEN OLD."status" IS NOT NEW."status"
    OR OLD."audience" IS NOT NEW."audience"
    OR OLD."hidden_since" IS NOT NEW."hidden_since"
BEGIN
    UPDATE "catalog_state" SET "revision" = "revision" + 1 WHERE "id" = 1;
    INSERT INTO "departures" ("revision", "source", "visibility")
    SELECT "revision", NEW."key", 1 FROM "catalog_state" WHERE "id" = 1;
END;
