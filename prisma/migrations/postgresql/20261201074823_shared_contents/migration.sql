ALTER TABLE "cached_files" ADD COLUMN "content" TEXT,
ADD COLUMN "counted" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN "local" BOOLEAN NOT NULL DEFAULT false;
-- What is kept already is nobody else's.
UPDATE "cached_files" SET "counted" = "bytes";
CREATE INDEX "cached_files_content_idx" ON "cached_files"("content");

CREATE TABLE "loose_contents" (
    "content" TEXT NOT NULL,

    CONSTRAINT "loose_contents_pkey" PRIMARY KEY ("content")
);

-- A row goes with its item too. Whoever makes the table cached_files anew makes these anew as well.
CREATE FUNCTION "note_loose_content"() RETURNS trigger LANGUAGE plpgsql AS E'BEGIN
    INSERT INTO "loose_contents" ("content") VALUES (OLD."content") ON CONFLICT DO NOTHING\x3B
    RETURN NULL\x3B
END';

CREATE TRIGGER "cached_files_deleted" AFTER DELETE ON "cached_files" FOR EACH ROW
    WHEN (OLD."content" IS NOT NULL)
    EXECUTE FUNCTION "note_loose_content"();

CREATE TRIGGER "cached_files_lessened" AFTER UPDATE OF "content", "bytes" ON "cached_files" FOR EACH ROW
    WHEN (OLD."content" IS NOT NULL AND (OLD."content" IS DISTINCT FROM NEW."content" OR OLD."bytes" > NEW."bytes"))
    EXECUTE FUNCTION "note_loose_content"();
