-- What is wrong for as long as it lasts, so that it is told again at rising intervals and never twice at once.
CREATE TABLE trouble (
    key         TEXT    NOT NULL PRIMARY KEY,   -- line | feeds | canary | feed/ID | topic/NAME
    since_ms    INTEGER NOT NULL,
    tellings    INTEGER NOT NULL,               -- how often it was told
    ended_at_ms INTEGER                         -- over since then; forgotten later, since it may come back
) STRICT, WITHOUT ROWID;

-- What comes round for the operator's sake, and up to where it is done.
CREATE TABLE duty (
    name          TEXT    NOT NULL PRIMARY KEY, -- daily | heartbeat | canary | ping | watch
    to_ms         INTEGER NOT NULL,             -- end of the last window; counted before it is tried
    settled_at_ms INTEGER,                      -- NULL: not ended yet
    failure       TEXT                          -- why it failed, without secrets; NULL: it did not
) STRICT, WITHOUT ROWID;
