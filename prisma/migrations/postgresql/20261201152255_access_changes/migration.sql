-- CreateTable
CREATE TABLE "access_changes" (
    "id" SERIAL NOT NULL,
    "at" BIGINT NOT NULL,

    CONSTRAINT "access_changes_pkey" PRIMARY KEY ("id")
);

-- Whoever was let in just before is looked up anew. Whoever makes one of these tables anew makes its triggers anew too.
-- Scripts are cut at their semicolons, so those inside a function are written as \x3B.
CREATE FUNCTION "note_access_change"() RETURNS trigger LANGUAGE plpgsql AS E'BEGIN
    INSERT INTO "access_changes" ("at") VALUES (CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint))\x3B
    RETURN NULL\x3B
END';

CREATE TRIGGER "users_rights_changed" AFTER UPDATE ON "users" FOR EACH STATEMENT
    EXECUTE FUNCTION "note_access_change"();

CREATE TRIGGER "users_removed" AFTER DELETE ON "users" FOR EACH STATEMENT
    EXECUTE FUNCTION "note_access_change"();

CREATE TRIGGER "sessions_ended" AFTER DELETE ON "sessions" FOR EACH STATEMENT
    EXECUTE FUNCTION "note_access_change"();

CREATE TRIGGER "api_tokens_rights_changed" AFTER UPDATE OF "scopes", "user_id", "expires_at", "revoked_at" ON "api_tokens" FOR EACH STATEMENT
    EXECUTE FUNCTION "note_access_change"();

CREATE TRIGGER "api_tokens_removed" AFTER DELETE ON "api_tokens" FOR EACH STATEMENT
    EXECUTE FUNCTION "note_access_change"();
