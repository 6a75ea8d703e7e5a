-- By what persons are named in records: pseudonyms, and addresses and names where a site's rules release them. A tombstone
-- finds its records here.
CREATE TABLE identifier (
    appliance TEXT    NOT NULL,
    value     TEXT    NOT NULL,
    epoch     INTEGER NOT NULL,
    sequence  INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (appliance, value, epoch, sequence, position)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER record_removed AFTER DELETE ON record BEGIN
    DELETE FROM identifier WHERE appliance = OLD.appliance AND epoch = OLD.epoch AND sequence = OLD.sequence
        AND position = OLD.position
        AND value IN (SELECT CAST(atom AS TEXT) FROM json_tree(OLD.json) WHERE type = 'text');
END;
-- Of records that are here already: every text in them.
INSERT OR IGNORE INTO identifier
    SELECT record.appliance, CAST(tree.atom AS TEXT), record.epoch, record.sequence, record.position
    FROM record, json_tree(record.json) AS tree
    WHERE tree.type = 'text' AND (length(tree.atom) = 32 OR tree.atom GLOB '??:??:??:??:??:??');
-- What a batch asked to forget: how many values, and how many records they were in.
ALTER TABLE batch ADD COLUMN forgotten_values  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN forgotten_records INTEGER NOT NULL DEFAULT 0;
