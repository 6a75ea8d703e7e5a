-- In which order contents came, or were changed, for who reads on where they left off: a content that takes another's place, or from
-- which somebody was taken out, comes again.
ALTER TABLE batch ADD COLUMN arrival INTEGER NOT NULL DEFAULT 0;
UPDATE batch SET arrival = numbered.n FROM
    (SELECT appliance AS a, epoch AS e, sequence AS s, ROW_NUMBER() OVER (ORDER BY received_ms) AS n FROM batch) AS numbered
    WHERE appliance = numbered.a AND epoch = numbered.e AND sequence = numbered.s;
CREATE INDEX batch_arrival ON batch (arrival);
CREATE TABLE arrivals (last INTEGER NOT NULL) STRICT;
INSERT INTO arrivals SELECT COALESCE(MAX(arrival), 0) FROM batch;
-- Who may read what is kept: one document, JSON.
CREATE TABLE readers (only INTEGER PRIMARY KEY CHECK (only = 1), document TEXT NOT NULL) STRICT;
