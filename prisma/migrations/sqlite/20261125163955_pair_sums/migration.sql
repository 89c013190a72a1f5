-- AlterTable
ALTER TABLE "items" ADD COLUMN "albums" TEXT NOT NULL DEFAULT '[]';

-- CreateTable
CREATE TABLE "pair_sums" (
    "peer_key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "grant_revision" INTEGER NOT NULL,
    "counted_to" BIGINT NOT NULL DEFAULT 0,
    "total" INTEGER NOT NULL DEFAULT 0,
    "first" BIGINT NOT NULL DEFAULT 0,
    "second" BIGINT NOT NULL DEFAULT 0
);
