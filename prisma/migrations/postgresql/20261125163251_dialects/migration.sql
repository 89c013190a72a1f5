-- AlterTable
ALTER TABLE "federation_peers" ADD COLUMN     "listing_cause" TEXT;

-- AlterTable
ALTER TABLE "cached_files" ADD COLUMN     "checked_at" BIGINT,
ADD COLUMN     "tag" TEXT;
