-- CreateTable
CREATE TABLE "diagnoses" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "peer_key" INTEGER NOT NULL,
    "state" TEXT NOT NULL,
    "results" TEXT NOT NULL DEFAULT '[]',
    "started_at" DATETIME NOT NULL,
    "finished_at" DATETIME,
    CONSTRAINT "diagnoses_peer_key_fkey" FOREIGN KEY ("peer_key") REFERENCES "federation_peers" ("key") ON DELETE RESTRICT ON UPDATE CASCADE
);

-- CreateIndex
CREATE INDEX "diagnoses_peer_key_started_at_idx" ON "diagnoses"("peer_key", "started_at");
