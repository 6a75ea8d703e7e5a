-- Media that batches are carried on. One that was not written to its end holds nothing back.
CREATE TABLE medium (
  id       BLOB PRIMARY KEY NOT NULL,
  begun_ms INTEGER NOT NULL,
  written  INTEGER NOT NULL,
  batches  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The last medium that a batch in the outbox, as it is now, was put on. Apart from it, so that nobody reads past its content.
CREATE TABLE carried (
  sequence INTEGER PRIMARY KEY,
  medium   BLOB NOT NULL
) STRICT;
CREATE INDEX carried_medium ON carried (medium);
CREATE TRIGGER outbox_carried AFTER DELETE ON outbox BEGIN
  DELETE FROM carried WHERE sequence = OLD.sequence;
END;
-- A medium goes with the last of its batches; one that is being written stays until it is.
CREATE TRIGGER carried_removed AFTER DELETE ON carried BEGIN
  DELETE FROM medium WHERE id = OLD.medium AND written = 1 AND NOT EXISTS (SELECT 1 FROM carried WHERE medium = OLD.medium);
END;
CREATE TRIGGER carried_changed AFTER UPDATE OF medium ON carried WHEN OLD.medium <> NEW.medium BEGIN
  DELETE FROM medium WHERE id = OLD.medium AND NOT EXISTS (SELECT 1 FROM carried WHERE medium = OLD.medium);
END;
