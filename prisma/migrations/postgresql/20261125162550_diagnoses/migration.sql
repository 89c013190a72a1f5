-- CreateTable
CREATE TABLE "diagnoses" (
    "id" TEXT NOT NULL,
    "peer_key" INTEGER NOT NULL,
    "state" TEXT NOT NULL,
    "results" TEXT NOT NULL DEFAULT '[]',
    "started_at" TIMESTAMP(3) NOT NULL,
    "finished_at" TIMESTAMP(3),

    CONSTRAINT "diagnoses_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "diagnoses_peer_key_started_at_idx" ON "diagnoses"("peer_key", "started_at");

-- AddForeignKey
ALTER TABLE "diagnoses" ADD CONSTRAINT "diagnoses_peer_key_fkey" FOREIGN KEY ("peer_key") REFERENCES "federation_peers"("key") ON DELETE RESTRICT ON UPDATE CASCADE;
