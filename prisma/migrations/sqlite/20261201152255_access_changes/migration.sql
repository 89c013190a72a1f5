-- CreateTable
CREATE TABLE "access_changes" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "at" BIGINT NOT NULL
);

-- Whoever was let in just before is looked up anew. Whoever makes one of these tables anew makes its triggers anew too.
CREATE TRIGGER "users_rights_changed" AFTER UPDATE ON "users"
BEGIN
    INSERT INTO "access_changes" ("at") VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;

CREATE TRIGGER "users_removed" AFTER DELETE ON "users"
BEGIN
    INSERT INTO "access_changes" ("at") VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;

CREATE TRIGGER "sessions_ended" AFTER DELETE ON "sessions"
BEGIN
    INSERT INTO "access_changes" ("at") VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;

CREATE TRIGGER "api_tokens_rights_changed" AFTER UPDATE OF "scopes", "user_id", "expires_at", "revoked_at" ON "api_tokens"
BEGIN
    INSERT INTO "access_changes" ("at") VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;

CREATE TRIGGER "api_tokens_removed" AFTER DELETE ON "api_tokens"
BEGIN
    INSERT INTO "access_changes" ("at") VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
