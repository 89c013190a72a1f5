-- What changed since a revision is read by it.
CREATE INDEX "items_revision_idx" ON "items"("revision");

CREATE TABLE "departures" (
    "id" SERIAL NOT NULL,
    "revision" BIGINT NOT NULL DEFAULT 0,
    "item_id" TEXT,
    "source" INTEGER NOT NULL,
    "visibility" INTEGER NOT NULL,
    "owner_id" TEXT,

    CONSTRAINT "departures_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "departures_revision_idx" ON "departures"("revision");

-- Who saw it cannot be asked afterwards. Whoever makes the table items anew makes these anew too.
CREATE FUNCTION "note_departure"() RETURNS trigger LANGUAGE plpgsql AS E'BEGIN
    INSERT INTO "departures" ("item_id", "source", "visibility", "owner_id")
    VALUES (OLD."id", OLD."source", OLD."visibility", OLD."owner_id")\x3B
    RETURN NULL\x3B
END';

CREATE TRIGGER "items_deleted" AFTER DELETE ON "items" FOR EACH ROW
    EXECUTE FUNCTION "note_departure"();

CREATE TRIGGER "items_seen_changed" AFTER UPDATE OF "source", "visibility", "owner_id" ON "items" FOR EACH ROW
    WHEN (OLD."source" IS DISTINCT FROM NEW."source"
        OR OLD."visibility" IS DISTINCT FROM NEW."visibility"
        OR OLD."owner_id" IS DISTINCT FROM NEW."owner_id")
    EXECUTE FUNCTION "note_departure"();

-- Who sees all items of a peer has changed: the revision moves, and whoever follows the catalog reads it anew.
CREATE OR REPLACE FUNCTION "move_catalog_revision"() RETURNS trigger LANGUAGE plpgsql AS E'BEGIN
    UPDATE "catalog_state" SET "revision" = "revision" + 1 WHERE "id" = 1\x3B
    INSERT INTO "departures" ("revision", "source", "visibility")
    SELECT "revision", NEW."key", 1 FROM "catalog_state" WHERE "id" = 1\x3B
    RETURN NULL\x3B
END';
