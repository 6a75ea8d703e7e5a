-- Records go when they have been here for as long as they are kept. The row of their batch stays, with its digest: a late double is
-- known by it, and gaps are seen. `since_ms` is when the first content under the number was stored, which `received_ms` of a content
-- that took its place is not. `expired`: 0 kept, 1 records are being deleted, 2 they are gone.
ALTER TABLE batch ADD COLUMN since_ms INTEGER NOT NULL DEFAULT 0;
UPDATE batch SET since_ms = received_ms;
ALTER TABLE batch ADD COLUMN expired  INTEGER NOT NULL DEFAULT 0;
CREATE INDEX batch_age ON batch (since_ms) WHERE expired < 2;
