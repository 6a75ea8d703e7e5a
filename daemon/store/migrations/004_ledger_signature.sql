-- The store's Ed25519 signature of an entry that was the last of its transaction.
ALTER TABLE ledger ADD COLUMN signature BLOB;
-- Checksum of name and value, against bits that flip.
ALTER TABLE meta ADD COLUMN checksum BLOB;
