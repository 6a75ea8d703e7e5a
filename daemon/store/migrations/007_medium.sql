-- Media that batches are carried on. One that was not written to its end holds nothing back.
CREATE TABLE medium (
  id       BLOB PRIMARY KEY NOT NULL,
  begun_ms INTEGER NOT NULL,
  written  INTEGER NOT NULL,
  batches  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The last medium that this batch, as it is now, was put on.
ALTER TABLE outbox ADD COLUMN medium BLOB;
CREATE INDEX outbox_medium ON outbox (medium) WHERE medium IS NOT NULL;
-- A medium goes with the last of its batches.
CREATE TRIGGER outbox_left_medium AFTER DELETE ON outbox WHEN OLD.medium IS NOT NULL BEGIN
  DELETE FROM medium WHERE id = OLD.medium AND NOT EXISTS (SELECT 1 FROM outbox WHERE medium = OLD.medium);
END;
CREATE TRIGGER outbox_changed_medium AFTER UPDATE OF medium ON outbox WHEN OLD.medium IS NOT NULL AND OLD.medium IS NOT NEW.medium BEGIN
  DELETE FROM medium WHERE id = OLD.medium AND NOT EXISTS (SELECT 1 FROM outbox WHERE medium = OLD.medium);
END;
