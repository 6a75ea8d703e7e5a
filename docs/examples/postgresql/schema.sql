-- What a receiver holds, in PostgreSQL. Epochs and sequences are unsigned 64-bit numbers, which bigint is not.
CREATE TABLE IF NOT EXISTS batch (
    appliance text           NOT NULL,
    epoch     numeric(20, 0) NOT NULL,
    sequence  numeric(20, 0) NOT NULL,
    taken     timestamptz    NOT NULL DEFAULT now(),
    PRIMARY KEY (appliance, epoch, sequence)
);
CREATE TABLE IF NOT EXISTS record (
    appliance text           NOT NULL,
    epoch     numeric(20, 0) NOT NULL,
    sequence  numeric(20, 0) NOT NULL,
    position  integer        NOT NULL,
    kind      text           NOT NULL,
    fields    jsonb          NOT NULL,
    PRIMARY KEY (appliance, epoch, sequence, position),
    FOREIGN KEY (appliance, epoch, sequence) REFERENCES batch ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS record_kind ON record (kind, appliance);
CREATE INDEX IF NOT EXISTS batch_taken ON batch (taken);
-- Where the sink left off: in the transaction of what it took, so that nothing is taken twice and nothing is left out.
CREATE TABLE IF NOT EXISTS place (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    after numeric(20, 0) NOT NULL
);
INSERT INTO place (after) VALUES (0) ON CONFLICT DO NOTHING;
