-- Which batch tells the receiver to forget this value; NULL where none does yet, or the one that did was lost. It stays until
-- the receipt of that batch.
ALTER TABLE tombstone ADD COLUMN batch INTEGER;
-- How many values a batch asks to forget it says itself.
DROP TRIGGER outbox_removed;
DROP TABLE outbox_forget;
CREATE TRIGGER outbox_removed AFTER DELETE ON outbox BEGIN
  UPDATE tombstone SET batch = NULL WHERE batch = OLD.sequence;
END;
-- Checksums of rows that no seal covers, against bits that flip; NULL until a row is written again.
ALTER TABLE account ADD COLUMN checksum BLOB;
ALTER TABLE session ADD COLUMN checksum BLOB;
ALTER TABLE clock ADD COLUMN checksum BLOB;
