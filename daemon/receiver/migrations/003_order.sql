-- Batches come in any order. Contents that a stored one took the place of: an old medium does not bring them back.
CREATE TABLE replaced (
    appliance TEXT    NOT NULL,
    epoch     INTEGER NOT NULL,
    sequence  INTEGER NOT NULL,
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (appliance, epoch, sequence, digest)
) STRICT, WITHOUT ROWID;
-- A tombstone below whose number batches are missing: what it names is left out of them when they come. Of each value a salted
-- hash; all goes when none is missing.
CREATE TABLE tombstone (
    appliance TEXT    NOT NULL,
    epoch     INTEGER NOT NULL,
    sequence  INTEGER NOT NULL,
    missing   INTEGER NOT NULL,
    salt      BLOB    NOT NULL,
    PRIMARY KEY (appliance, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE tombstone_value (
    appliance TEXT    NOT NULL,
    epoch     INTEGER NOT NULL,
    sequence  INTEGER NOT NULL,
    hash      BLOB    NOT NULL,
    PRIMARY KEY (appliance, epoch, sequence, hash)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER tombstone_removed AFTER DELETE ON tombstone BEGIN
    DELETE FROM tombstone_value WHERE appliance = OLD.appliance AND epoch = OLD.epoch AND sequence = OLD.sequence;
END;
-- Where and by which profile a batch may be kept, as the appliance said.
ALTER TABLE batch ADD COLUMN regions TEXT NOT NULL DEFAULT '[]';
ALTER TABLE batch ADD COLUMN profile TEXT NOT NULL DEFAULT '';
