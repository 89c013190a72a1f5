-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "settings" (
    "key" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "settings_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "instance_keys" (
    "number" INTEGER NOT NULL,
    "thumbprint" TEXT NOT NULL,
    "public_key" TEXT NOT NULL,
    "sealed_seed" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "retired_at" TIMESTAMP(3),
    "change" TEXT,

    CONSTRAINT "instance_keys_pkey" PRIMARY KEY ("number")
);

-- CreateTable
CREATE TABLE "users" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "username" TEXT,
    "display_username" TEXT,
    "email" TEXT NOT NULL,
    "email_verified" BOOLEAN NOT NULL DEFAULT false,
    "image" TEXT,
    "role" TEXT NOT NULL DEFAULT 'VIEWER',
    "disabled_at" TIMESTAMP(3),
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "sessions" (
    "id" TEXT NOT NULL,
    "token" TEXT NOT NULL,
    "expires_at" TIMESTAMP(3) NOT NULL,
    "ip_address" TEXT,
    "user_agent" TEXT,
    "user_id" TEXT NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "accounts" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "provider_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "access_token" TEXT,
    "refresh_token" TEXT,
    "id_token" TEXT,
    "access_token_expires_at" TIMESTAMP(3),
    "refresh_token_expires_at" TIMESTAMP(3),
    "scope" TEXT,
    "password" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "accounts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "verifications" (
    "id" TEXT NOT NULL,
    "identifier" TEXT NOT NULL,
    "value" TEXT NOT NULL,
    "expires_at" TIMESTAMP(3) NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "verifications_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_tokens" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "scopes" TEXT NOT NULL,
    "user_id" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMP(3),
    "last_used_at" TIMESTAMP(3),
    "revoked_at" TIMESTAMP(3),

    CONSTRAINT "api_tokens_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "federation_peers" (
    "key" SERIAL NOT NULL,
    "id" TEXT NOT NULL,
    "peer_name" TEXT NOT NULL,
    "endpoint" TEXT NOT NULL DEFAULT '',
    "public_key" TEXT NOT NULL DEFAULT '',
    "thumbprint" TEXT,
    "instance_id" TEXT,
    "dialect" TEXT NOT NULL DEFAULT 'HEDGEROW',
    "status" TEXT NOT NULL DEFAULT 'ACTIVE',
    "paired_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMP(3),
    "endpoint_ours" BOOLEAN NOT NULL DEFAULT false,
    "kept_cached" BOOLEAN NOT NULL DEFAULT false,
    "pulls" BOOLEAN NOT NULL DEFAULT false,
    "sealed_token" TEXT,
    "pull_grant" TEXT,
    "health" TEXT NOT NULL DEFAULT 'UNKNOWN',
    "last_attempt_at" TIMESTAMP(3),
    "last_success_at" TIMESTAMP(3),
    "next_attempt_at" TIMESTAMP(3),
    "failures" INTEGER NOT NULL DEFAULT 0,
    "error_code" TEXT,
    "error_message" TEXT,
    "error_at" TIMESTAMP(3),
    "round_trip_ms" DOUBLE PRECISION,
    "lag" INTEGER,
    "hidden_since" TIMESTAMP(3),
    "cursor" TEXT,
    "epoch" TEXT,
    "generation" INTEGER NOT NULL DEFAULT 0,
    "listing" BOOLEAN NOT NULL DEFAULT true,
    "listing_begun_at" BIGINT,
    "diverged_in_a_row" INTEGER NOT NULL DEFAULT 0,
    "item_count" INTEGER NOT NULL DEFAULT 0,
    "remote_total" INTEGER,
    "checksum_first" BIGINT NOT NULL DEFAULT 0,
    "checksum_second" BIGINT NOT NULL DEFAULT 0,
    "in_sync" BOOLEAN,
    "skipped_count" INTEGER NOT NULL DEFAULT 0,
    "held_count" INTEGER NOT NULL DEFAULT 0,
    "interval" INTEGER,
    "cache_mode" TEXT NOT NULL DEFAULT 'ON_ACCESS',
    "cache_budget" BIGINT,
    "audience" TEXT NOT NULL DEFAULT 'USERS',
    "bytes_fetched" BIGINT NOT NULL DEFAULT 0,
    "serves" BOOLEAN NOT NULL DEFAULT false,
    "serve_grant" TEXT,
    "last_seen_at" TIMESTAMP(3),
    "bytes_served" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "federation_peers_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "peer_credentials" (
    "id" TEXT NOT NULL,
    "peer_key" INTEGER NOT NULL,
    "hash" TEXT NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "first_used_at" TIMESTAMP(3),
    "ended_at" TIMESTAMP(3),

    CONSTRAINT "peer_credentials_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "invitations" (
    "id" TEXT NOT NULL,
    "public_key" TEXT NOT NULL,
    "note" TEXT,
    "mutual" BOOLEAN NOT NULL DEFAULT false,
    "allow_private_endpoint" BOOLEAN NOT NULL DEFAULT false,
    "grant" TEXT NOT NULL,
    "created_by" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMP(3) NOT NULL,
    "used_at" TIMESTAMP(3),
    "used_by" TEXT,
    "cancelled_at" TIMESTAMP(3),

    CONSTRAINT "invitations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "pairing_attempts" (
    "invitation_id" TEXT NOT NULL,
    "sealed_code" TEXT NOT NULL,
    "endpoint" TEXT NOT NULL,
    "thumbprint" TEXT NOT NULL,
    "name" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMP(3),
    "outcome" TEXT,

    CONSTRAINT "pairing_attempts_pkey" PRIMARY KEY ("invitation_id")
);

-- CreateTable
CREATE TABLE "pulls" (
    "id" TEXT NOT NULL,
    "peer_key" INTEGER NOT NULL,
    "state" TEXT NOT NULL,
    "queued_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMP(3),
    "finished_at" TIMESTAMP(3),
    "added" INTEGER NOT NULL DEFAULT 0,
    "changed" INTEGER NOT NULL DEFAULT 0,
    "removed" INTEGER NOT NULL DEFAULT 0,
    "skipped" INTEGER NOT NULL DEFAULT 0,
    "total" INTEGER,
    "error_code" TEXT,
    "error_message" TEXT,

    CONSTRAINT "pulls_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "items" (
    "key" SERIAL NOT NULL,
    "id" TEXT NOT NULL,
    "source" INTEGER NOT NULL DEFAULT 0,
    "remote_id" TEXT,
    "kind" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "title_key" TEXT NOT NULL,
    "description" TEXT,
    "filename" TEXT,
    "mime_type" TEXT NOT NULL,
    "byte_size" BIGINT,
    "digest" TEXT,
    "width" INTEGER,
    "height" INTEGER,
    "duration_ms" BIGINT,
    "page_count" INTEGER,
    "thumbhash" TEXT,
    "taken_at" BIGINT,
    "taken_at_offset" INTEGER,
    "timeline_at" BIGINT NOT NULL,
    "added_at" BIGINT NOT NULL,
    "updated_at" BIGINT NOT NULL,
    "tags" TEXT NOT NULL DEFAULT '[]',
    "creator" TEXT,
    "license" TEXT,
    "properties" TEXT NOT NULL DEFAULT '{}',
    "variants" TEXT NOT NULL DEFAULT '[]',
    "revision" BIGINT NOT NULL DEFAULT 0,
    "visibility" INTEGER NOT NULL DEFAULT 1,
    "version" TEXT NOT NULL DEFAULT '',
    "owner_id" TEXT,
    "storage" TEXT,
    "location" TEXT,
    "location_mtime" BIGINT,
    "sequence" BIGINT,
    "generation" INTEGER NOT NULL DEFAULT 0,
    "held" BOOLEAN NOT NULL DEFAULT false,
    "thumb_state" INTEGER NOT NULL DEFAULT 0,
    "thumb_attempts" INTEGER NOT NULL DEFAULT 0,
    "thumb_next_at" BIGINT NOT NULL DEFAULT 0,
    "fault" TEXT,

    CONSTRAINT "items_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "item_tags" (
    "item_key" INTEGER NOT NULL,
    "tag" TEXT NOT NULL,

    CONSTRAINT "item_tags_pkey" PRIMARY KEY ("item_key","tag")
);

-- CreateTable
CREATE TABLE "catalog_state" (
    "id" INTEGER NOT NULL,
    "epoch" TEXT NOT NULL,
    "revision" BIGINT NOT NULL DEFAULT 0,
    "sequence" BIGINT NOT NULL DEFAULT 0,
    "shared_count" INTEGER NOT NULL DEFAULT 0,
    "checksum_first" BIGINT NOT NULL DEFAULT 0,
    "checksum_second" BIGINT NOT NULL DEFAULT 0,
    "removal_floor" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "catalog_state_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "removals" (
    "item_id" TEXT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "reason" TEXT NOT NULL,
    "at" BIGINT NOT NULL,

    CONSTRAINT "removals_pkey" PRIMARY KEY ("item_id")
);

-- CreateTable
CREATE TABLE "sequence_marks" (
    "last_sequence" BIGINT NOT NULL,
    "first_sequence" BIGINT NOT NULL,
    "mark" TEXT NOT NULL,
    "at" BIGINT NOT NULL,

    CONSTRAINT "sequence_marks_pkey" PRIMARY KEY ("last_sequence")
);

-- CreateTable
CREATE TABLE "skipped_items" (
    "source" INTEGER NOT NULL,
    "remote_id" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "generation" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "skipped_items_pkey" PRIMARY KEY ("source","remote_id")
);

-- CreateTable
CREATE TABLE "cached_files" (
    "id" SERIAL NOT NULL,
    "item_key" INTEGER NOT NULL,
    "source" INTEGER NOT NULL,
    "variant" TEXT NOT NULL,
    "digest" TEXT,
    "size" BIGINT NOT NULL,
    "segments" BYTEA,
    "whole" BOOLEAN NOT NULL DEFAULT false,
    "bytes" BIGINT NOT NULL DEFAULT 0,
    "pinned" BOOLEAN NOT NULL DEFAULT false,
    "used_at" BIGINT NOT NULL,

    CONSTRAINT "cached_files_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "imported_files" (
    "path" TEXT NOT NULL,
    "size" BIGINT NOT NULL,
    "mtime" BIGINT NOT NULL,
    "outcome" TEXT NOT NULL,
    "item_id" TEXT,
    "code" TEXT,
    "at" BIGINT NOT NULL,

    CONSTRAINT "imported_files_pkey" PRIMARY KEY ("path")
);

-- CreateIndex
CREATE UNIQUE INDEX "instance_keys_thumbprint_key" ON "instance_keys"("thumbprint");

-- CreateIndex
CREATE UNIQUE INDEX "users_username_key" ON "users"("username");

-- CreateIndex
CREATE UNIQUE INDEX "users_email_key" ON "users"("email");

-- CreateIndex
CREATE UNIQUE INDEX "sessions_token_key" ON "sessions"("token");

-- CreateIndex
CREATE INDEX "sessions_user_id_idx" ON "sessions"("user_id");

-- CreateIndex
CREATE INDEX "accounts_user_id_idx" ON "accounts"("user_id");

-- CreateIndex
CREATE UNIQUE INDEX "accounts_provider_id_account_id_key" ON "accounts"("provider_id", "account_id");

-- CreateIndex
CREATE INDEX "verifications_identifier_idx" ON "verifications"("identifier");

-- CreateIndex
CREATE UNIQUE INDEX "api_tokens_hash_key" ON "api_tokens"("hash");

-- CreateIndex
CREATE INDEX "api_tokens_user_id_idx" ON "api_tokens"("user_id");

-- CreateIndex
CREATE UNIQUE INDEX "federation_peers_id_key" ON "federation_peers"("id");

-- CreateIndex
CREATE INDEX "federation_peers_thumbprint_idx" ON "federation_peers"("thumbprint");

-- CreateIndex
CREATE INDEX "federation_peers_status_idx" ON "federation_peers"("status");

-- CreateIndex
CREATE INDEX "federation_peers_instance_id_idx" ON "federation_peers"("instance_id");

-- CreateIndex
CREATE UNIQUE INDEX "peer_credentials_hash_key" ON "peer_credentials"("hash");

-- CreateIndex
CREATE INDEX "peer_credentials_peer_key_idx" ON "peer_credentials"("peer_key");

-- CreateIndex
CREATE INDEX "invitations_created_at_idx" ON "invitations"("created_at");

-- CreateIndex
CREATE INDEX "pulls_peer_key_queued_at_idx" ON "pulls"("peer_key", "queued_at");

-- CreateIndex
CREATE UNIQUE INDEX "items_id_key" ON "items"("id");

-- CreateIndex
CREATE UNIQUE INDEX "items_sequence_key" ON "items"("sequence");

-- CreateIndex
CREATE INDEX "items_timeline_at_id_idx" ON "items"("timeline_at", "id");

-- CreateIndex
CREATE INDEX "items_added_at_id_idx" ON "items"("added_at", "id");

-- CreateIndex
CREATE INDEX "items_updated_at_id_idx" ON "items"("updated_at", "id");

-- CreateIndex
CREATE INDEX "items_title_key_id_idx" ON "items"("title_key", "id");

-- CreateIndex
CREATE INDEX "items_byte_size_id_idx" ON "items"("byte_size", "id");

-- CreateIndex
CREATE INDEX "items_source_timeline_at_id_idx" ON "items"("source", "timeline_at", "id");

-- CreateIndex
CREATE INDEX "items_digest_idx" ON "items"("digest");

-- CreateIndex
CREATE INDEX "items_thumb_state_thumb_next_at_idx" ON "items"("thumb_state", "thumb_next_at");

-- CreateIndex
CREATE UNIQUE INDEX "items_source_remote_id_key" ON "items"("source", "remote_id");

-- CreateIndex
CREATE INDEX "item_tags_tag_item_key_idx" ON "item_tags"("tag", "item_key");

-- CreateIndex
CREATE UNIQUE INDEX "removals_sequence_key" ON "removals"("sequence");

-- CreateIndex
CREATE INDEX "removals_at_idx" ON "removals"("at");

-- CreateIndex
CREATE INDEX "sequence_marks_at_idx" ON "sequence_marks"("at");

-- CreateIndex
CREATE INDEX "cached_files_source_idx" ON "cached_files"("source");

-- CreateIndex
CREATE INDEX "cached_files_used_at_idx" ON "cached_files"("used_at");

-- CreateIndex
CREATE UNIQUE INDEX "cached_files_item_key_variant_key" ON "cached_files"("item_key", "variant");

-- AddForeignKey
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "accounts" ADD CONSTRAINT "accounts_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_tokens" ADD CONSTRAINT "api_tokens_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "peer_credentials" ADD CONSTRAINT "peer_credentials_peer_key_fkey" FOREIGN KEY ("peer_key") REFERENCES "federation_peers"("key") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "pulls" ADD CONSTRAINT "pulls_peer_key_fkey" FOREIGN KEY ("peer_key") REFERENCES "federation_peers"("key") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "item_tags" ADD CONSTRAINT "item_tags_item_key_fkey" FOREIGN KEY ("item_key") REFERENCES "items"("key") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "cached_files" ADD CONSTRAINT "cached_files_item_key_fkey" FOREIGN KEY ("item_key") REFERENCES "items"("key") ON DELETE CASCADE ON UPDATE CASCADE;

-- Sorted byte by byte, as SQLite does, whatever the locale of the database.
ALTER TABLE "items" ALTER COLUMN "id" TYPE TEXT COLLATE "C", ALTER COLUMN "title_key" TYPE TEXT COLLATE "C";
ALTER TABLE "item_tags" ALTER COLUMN "tag" TYPE TEXT COLLATE "C";

-- The search index: lexemes and positions as src/catalog/words.ts folds and splits them.
CREATE TABLE "item_search" (
    "item_key" INTEGER PRIMARY KEY REFERENCES "items" ("key") ON DELETE CASCADE,
    "words" tsvector NOT NULL
);
CREATE INDEX "item_search_words_idx" ON "item_search" USING gin ("words");

-- One row a key, of those that are not revoked: revoked ones remain as history beside a new pairing.
CREATE UNIQUE INDEX "federation_peers_live_thumbprint_key" ON "federation_peers"("thumbprint") WHERE "status" <> 'REVOKED';
