-- CreateTable
CREATE TABLE "item_counts" (
    "facet" INTEGER NOT NULL,
    "owner_id" TEXT NOT NULL,
    "value" TEXT NOT NULL,
    "source" INTEGER NOT NULL,
    "visibility" INTEGER NOT NULL,
    "kind" INTEGER NOT NULL,
    "total" INTEGER NOT NULL,

    PRIMARY KEY ("facet", "owner_id", "value", "source", "visibility", "kind")
) WITHOUT ROWID;

-- What has gone to nothing is found by it, and removed.
CREATE INDEX "item_counts_none" ON "item_counts"("facet") WHERE "total" = 0;

-- What is there is counted once. Years are those of the camera's clock.
INSERT INTO "item_counts" ("facet", "owner_id", "value", "source", "visibility", "kind", "total")
SELECT 0, CASE WHEN "visibility" = 0 THEN COALESCE("owner_id", '') ELSE '' END, '', "source", "visibility", "kind", COUNT(*) FROM "items" GROUP BY 2, 4, 5, 6;

INSERT INTO "item_counts" ("facet", "owner_id", "value", "source", "visibility", "kind", "total")
SELECT 1, CASE WHEN "visibility" = 0 THEN COALESCE("owner_id", '') ELSE '' END, "tag", "source", "visibility", "kind", COUNT(*) FROM "item_tags" JOIN "items" ON "key" = "item_key" GROUP BY 2, 3, 4, 5, 6;

INSERT INTO "item_counts" ("facet", "owner_id", "value", "source", "visibility", "kind", "total")
SELECT 2, CASE WHEN "visibility" = 0 THEN COALESCE("owner_id", '') ELSE '' END, CAST(CAST(strftime('%Y', ("taken_at" - (("taken_at" % 1000) + 1000) % 1000) / 1000, 'unixepoch') AS INTEGER) AS TEXT), "source", "visibility", "kind", COUNT(*) FROM "items" WHERE "taken_at" IS NOT NULL GROUP BY 2, 3, 4, 5, 6;
