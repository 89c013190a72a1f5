-- AlterTable
ALTER TABLE "peer_credentials" ADD COLUMN "expires_at" DATETIME;

-- AlterTable
ALTER TABLE "pairing_attempts" ADD COLUMN "credential_id" TEXT;
ALTER TABLE "pairing_attempts" ADD COLUMN "sealed_credential" TEXT;
ALTER TABLE "pairing_attempts" ADD COLUMN "share_grant" TEXT;

-- CreateTable
CREATE TABLE "albums" (
    "key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "id" TEXT NOT NULL,
    "source" INTEGER NOT NULL DEFAULT 0,
    "remote_id" TEXT,
    "title" TEXT NOT NULL,
    "title_key" TEXT NOT NULL,
    "description" TEXT,
    "owner_id" TEXT,
    "visibility" INTEGER NOT NULL DEFAULT 1,
    "created_at" BIGINT NOT NULL,
    "updated_at" BIGINT NOT NULL
);

-- CreateTable
CREATE TABLE "album_items" (
    "album_key" INTEGER NOT NULL,
    "item_key" INTEGER NOT NULL,

    PRIMARY KEY ("album_key", "item_key"),
    CONSTRAINT "album_items_album_key_fkey" FOREIGN KEY ("album_key") REFERENCES "albums" ("key") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "album_items_item_key_fkey" FOREIGN KEY ("item_key") REFERENCES "items" ("key") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "pair_removals" (
    "peer_key" INTEGER NOT NULL,
    "item_id" TEXT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "reason" TEXT NOT NULL,
    "at" BIGINT NOT NULL,

    PRIMARY KEY ("peer_key", "item_id")
);

-- CreateTable
CREATE TABLE "peer_nonces" (
    "peer_key" INTEGER NOT NULL,
    "nonce" TEXT NOT NULL,
    "expires_at" BIGINT NOT NULL,

    PRIMARY KEY ("peer_key", "nonce")
);

-- CreateTable
CREATE TABLE "audit_events" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "at" BIGINT NOT NULL,
    "actor_kind" TEXT NOT NULL,
    "actor" TEXT,
    "action" TEXT NOT NULL,
    "target" TEXT,
    "peer_id" TEXT,
    "outcome" TEXT NOT NULL,
    "code" TEXT,
    "address" TEXT,
    "bytes" BIGINT,
    "detail" TEXT
);

-- Prisma would make the table anew, and its partial index and what refers to it would be lost on the way.
ALTER TABLE "federation_peers" ADD COLUMN "listing_window_at" BIGINT NOT NULL DEFAULT 0;
ALTER TABLE "federation_peers" ADD COLUMN "listings_in_window" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "federation_peers" ADD COLUMN "sealed_next_token" TEXT;
ALTER TABLE "federation_peers" ADD COLUMN "settling_until" DATETIME;
ALTER TABLE "federation_peers" ADD COLUMN "private_allowed" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE "federation_peers" ADD COLUMN "inherits_from" INTEGER;
ALTER TABLE "federation_peers" ADD COLUMN "remote_status" TEXT;
ALTER TABLE "federation_peers" ADD COLUMN "agents" TEXT NOT NULL DEFAULT '[]';
ALTER TABLE "federation_peers" ADD COLUMN "agents_at" DATETIME;
ALTER TABLE "federation_peers" ADD COLUMN "former_thumbprints" TEXT NOT NULL DEFAULT '[]';
ALTER TABLE "federation_peers" ADD COLUMN "chain_read_at" DATETIME;
ALTER TABLE "federation_peers" ADD COLUMN "key_announced" INTEGER NOT NULL DEFAULT 1;
ALTER TABLE "federation_peers" ADD COLUMN "notice_until" DATETIME;
ALTER TABLE "federation_peers" ADD COLUMN "grant_revision" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "federation_peers" ADD COLUMN "requests_per_minute" INTEGER;
ALTER TABLE "federation_peers" ADD COLUMN "bytes_per_second" BIGINT;
ALTER TABLE "federation_peers" ADD COLUMN "concurrent_streams" INTEGER;

-- CreateIndex
CREATE UNIQUE INDEX "albums_id_key" ON "albums"("id");

-- CreateIndex
CREATE INDEX "albums_title_key_id_idx" ON "albums"("title_key", "id");

-- CreateIndex
CREATE UNIQUE INDEX "albums_source_remote_id_key" ON "albums"("source", "remote_id");

-- CreateIndex
CREATE INDEX "album_items_item_key_album_key_idx" ON "album_items"("item_key", "album_key");

-- CreateIndex
CREATE INDEX "pair_removals_peer_key_sequence_idx" ON "pair_removals"("peer_key", "sequence");

-- CreateIndex
CREATE INDEX "pair_removals_at_idx" ON "pair_removals"("at");

-- CreateIndex
CREATE INDEX "peer_nonces_expires_at_idx" ON "peer_nonces"("expires_at");

-- CreateIndex
CREATE INDEX "audit_events_at_id_idx" ON "audit_events"("at", "id");

-- CreateIndex
CREATE INDEX "audit_events_peer_id_at_idx" ON "audit_events"("peer_id", "at");

-- CreateIndex
CREATE INDEX "audit_events_action_at_idx" ON "audit_events"("action", "at");
