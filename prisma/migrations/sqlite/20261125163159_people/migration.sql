-- AlterTable
ALTER TABLE "sessions" ADD COLUMN "previous_token" TEXT;
ALTER TABLE "sessions" ADD COLUMN "renewal_used_at" DATETIME;
ALTER TABLE "sessions" ADD COLUMN "renewed_at" DATETIME;

-- CreateTable
CREATE TABLE "uploads" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "owner_id" TEXT,
    "length" BIGINT NOT NULL,
    "received" BIGINT NOT NULL DEFAULT 0,
    "filename" TEXT,
    "visibility" TEXT NOT NULL,
    "tags" TEXT NOT NULL DEFAULT '[]',
    "state" TEXT NOT NULL DEFAULT 'OPEN',
    "item_id" TEXT,
    "code" TEXT,
    "reason" TEXT,
    "created_at" BIGINT NOT NULL,
    "expires_at" BIGINT NOT NULL
);

-- CreateIndex
CREATE INDEX "uploads_owner_id_state_idx" ON "uploads"("owner_id", "state");

-- CreateIndex
CREATE INDEX "uploads_expires_at_idx" ON "uploads"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "sessions_previous_token_key" ON "sessions"("previous_token");
