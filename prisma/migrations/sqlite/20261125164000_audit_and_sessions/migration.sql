-- CreateIndex
CREATE INDEX "audit_events_actor_kind_at_idx" ON "audit_events"("actor_kind", "at");

-- From here on the column `token` holds the hash of what a cookie carries. Whoever was signed in signs in again.
DELETE FROM "sessions";
