-- Stories that are formed by what items say, and not by their links alone.

-- Links of a story beside story.key: those of items that joined it by what they say, or that it took over.
CREATE TABLE story_link (
    key      BLOB    NOT NULL PRIMARY KEY,  -- hash of the canonical link
    story_id INTEGER NOT NULL REFERENCES story (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX story_link_by_story ON story_link (story_id);

-- What of the items of open stories is compared with new ones. Removed when the story is closed.
CREATE TABLE story_print (
    seq      INTEGER PRIMARY KEY,           -- in the order in which they joined
    story_id INTEGER NOT NULL REFERENCES story (id) ON DELETE CASCADE,
    item_id  INTEGER NOT NULL REFERENCES item (id) ON DELETE CASCADE,
    at_ms    INTEGER NOT NULL,              -- published, as far as is known
    print    BLOB    NOT NULL               -- begins with its version; another than the program's is skipped
) STRICT;
CREATE INDEX story_print_by_story ON story_print (story_id, at_ms);
CREATE INDEX story_print_by_item ON story_print (item_id);
CREATE INDEX story_print_by_at ON story_print (at_ms);

-- 1: a text that its story had already when the item joined, word for word or of the same agency. It adds no source.
ALTER TABLE item ADD COLUMN copy INTEGER NOT NULL DEFAULT 0;
