ALTER TABLE "cached_files" ADD COLUMN "content" TEXT;
ALTER TABLE "cached_files" ADD COLUMN "counted" BIGINT NOT NULL DEFAULT 0;
ALTER TABLE "cached_files" ADD COLUMN "local" BOOLEAN NOT NULL DEFAULT false;
-- What is kept already is nobody else's.
UPDATE "cached_files" SET "counted" = "bytes";
CREATE INDEX "cached_files_content_idx" ON "cached_files"("content");

CREATE TABLE "loose_contents" (
    "content" TEXT NOT NULL PRIMARY KEY
);

-- A row goes with its item too. Whoever makes the table cached_files anew makes these anew as well.
CREATE TRIGGER "cached_files_deleted" AFTER DELETE ON "cached_files" WHEN OLD."content" IS NOT NULL
BEGIN
    INSERT INTO "loose_contents" ("content") VALUES (OLD."content") ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER "cached_files_lessened" AFTER UPDATE OF "content", "bytes" ON "cached_files" WHEN OLD."content" IS NOT NULL
    AND (OLD."content" IS NOT NEW."content" OR OLD."bytes" > NEW."bytes")
BEGIN
    INSERT INTO "loose_contents" ("content") VALUES (OLD."content") ON CONFLICT DO NOTHING;
END;
