-- A batch is stored once, whole, under what identifies it. Unsigned 64-bit numbers are kept as the
-- signed number of the same bits.
CREATE TABLE batch (
    appliance   TEXT    NOT NULL,
    epoch       INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),
    rules       BLOB    NOT NULL CHECK (length(rules) = 32),
    records     INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    withheld    TEXT    NOT NULL,
    lost        TEXT    NOT NULL,
    PRIMARY KEY (appliance, epoch, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE record (
    appliance TEXT    NOT NULL,
    epoch     INTEGER NOT NULL,
    sequence  INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    json      TEXT    NOT NULL,
    PRIMARY KEY (appliance, epoch, sequence, position),
    FOREIGN KEY (appliance, epoch, sequence) REFERENCES batch
) STRICT, WITHOUT ROWID;
