-- What is there of each numbering, so that nobody has to count batches to say it.
CREATE TABLE series (
    appliance TEXT    NOT NULL,
    epoch     INTEGER NOT NULL,
    highest   INTEGER NOT NULL,
    batches   INTEGER NOT NULL,
    last_ms   INTEGER NOT NULL,
    PRIMARY KEY (appliance, epoch)
) STRICT, WITHOUT ROWID;
INSERT INTO series
    SELECT appliance, epoch, MAX(sequence), COUNT(*), MAX(received_ms) FROM batch GROUP BY appliance, epoch;
-- Media that were imported, and the batches that were stored from them.
CREATE TABLE imports (
    media   INTEGER NOT NULL,
    batches INTEGER NOT NULL
) STRICT;
INSERT INTO imports VALUES (0, 0);
