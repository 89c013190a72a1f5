-- CreateTable
CREATE TABLE "processes" (
    "id" TEXT NOT NULL,
    "alive_until" BIGINT NOT NULL,

    CONSTRAINT "processes_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "work_leases" (
    "name" TEXT NOT NULL,
    "holder" TEXT NOT NULL,
    "taken_at" BIGINT NOT NULL,

    CONSTRAINT "work_leases_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "limit_buckets" (
    "name" TEXT NOT NULL,
    "level" DOUBLE PRECISION NOT NULL,
    "at" BIGINT NOT NULL,

    CONSTRAINT "limit_buckets_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "limit_places" (
    "name" TEXT NOT NULL,
    "holder" TEXT NOT NULL,
    "places" INTEGER NOT NULL,

    CONSTRAINT "limit_places_pkey" PRIMARY KEY ("name","holder")
);

-- CreateIndex
CREATE INDEX "work_leases_holder_idx" ON "work_leases"("holder");

-- CreateIndex
CREATE INDEX "limit_buckets_at_idx" ON "limit_buckets"("at");

-- CreateIndex
CREATE INDEX "pulls_state_idx" ON "pulls"("state");

-- CreateIndex
CREATE INDEX "pulls_finished_at_idx" ON "pulls"("finished_at");
