-- How many records of each kind a segment holds stands with its mentions: number of the kind and count, as varints. Rows of
-- `segment_kind` are of earlier segments, and go with them. How many are kept in all is added up when it is asked.
ALTER TABLE segment_mention ADD COLUMN kinds BLOB;
DROP TRIGGER segment_kind_added;
DROP TRIGGER segment_kind_removed;
DROP TABLE kept;
-- It was for the rare moment when a clock is set, and cost a page with each commit.
DROP INDEX segment_mention_clock;
