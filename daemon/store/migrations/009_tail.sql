-- Small hand-overs wait here until there are enough for a segment (src/tail.rs). Every row has its octets from the first time that it
-- is used, always as many, and is written over in place.
CREATE TABLE tail (
  slot INTEGER PRIMARY KEY,
  part BLOB NOT NULL
) STRICT;
